/**
 * Aim: the rules of the house hold in the whole tree. Method: read every source file once, apply each rule, and
 * print what it finds as file:line. That each rule can find something is shown in rules.spec.ts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { repoRoot } from '../kit/repo-root.ts';
import { findBadNames, findBanned } from './bans.ts';
import { findDeadLinks, findDoorTableFaults, findMissingDocuments, findRecordFaults } from './documents.ts';
import { findCycles, findImportBreaches } from './import-law.ts';
import { findOversized, findUncollected, findWithoutHeader, findWithoutTwin } from './shape.ts';
import { type Finding, readTree, type Tree } from './tree.ts';

const RULES: readonly (readonly [sentence: string, rule: (tree: Tree) => readonly Finding[]])[] = [
  ['folders import only what they may, packages enter by their door', findImportBreaches],
  ['no import cycles', findCycles],
  ['nothing banned occurs', findBanned],
  ['files and folders are named well', findBadNames],
  ['files and functions are of a size to be read', findOversized],
  ['every file says what lives in it', findWithoutHeader],
  ['every core file has its twin spec', findWithoutTwin],
  ['every spec is collected by an entry', findUncollected],
  ['the required documents exist', findMissingDocuments],
  ['the table of doors says what the law says', findDoorTableFaults],
  ['decision records are numbered, settled and cited rightly', findRecordFaults],
  [
    'links in documents lead somewhere',
    (tree) => findDeadLinks(tree, (path) => existsSync(join(repoRoot, path))),
  ],
];

const FINDINGS_SHOWN_MAX = 60;
/** The place that matters is in the message; where the assert stands is noise. */
const SHORT = { diagnostic: false };

const tree = readTree(repoRoot);

t.test('the tree that is judged is the whole one', async (t) => {
  t.ok(tree.files.length > 50, 'a check of nothing would always pass');
});

for (const [sentence, rule] of RULES) {
  t.test(sentence, async (t) => {
    const found = rule(tree);
    // One assert each, so that the runner's closing list names every place.
    for (const { path, line, message } of found.slice(0, FINDINGS_SHOWN_MAX))
      t.fail(`${path}:${line} ${message}`, SHORT);
    t.ok(
      found.length <= FINDINGS_SHOWN_MAX,
      `${found.length} findings, the first ${FINDINGS_SHOWN_MAX} shown`,
      SHORT,
    );
  });
}
