/**
 * Aim: every verb of the tree is declared whole and its help stays as it was reviewed. Method: walks the real tree;
 * help pages are compared with test/golden/cli (rewritten with TAP_SNAPSHOT=1, the diff is for reviewers).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { CommandSpec, Noun } from '../../../../cli/command/command-tree.ts';
import { fieldsOf } from '../../../../cli/command/global-fields.ts';
import { COMMAND_TREE } from '../../../../cli/command/nouns.ts';
import { indexFlags } from '../../../../cli/command/parse-flags.ts';
import { toCamelCase, toKebabCase } from '../../../../cli/command/spelling.ts';
import { repoRoot } from '../../../kit/repo-root.ts';
import { runCli } from '../cli-kit.ts';

const GOLDEN = join(repoRoot, 'test', 'golden', 'cli');
const REWRITE = process.env['TAP_SNAPSHOT'] === '1';

async function allCommands(): Promise<readonly { noun: Noun; command: CommandSpec }[]> {
  const found = [];
  for (const noun of COMMAND_TREE.nouns) {
    for (const command of await noun.load()) found.push({ noun, command });
  }
  return found;
}

function compare(
  t: { equal(a: string, b: string, message: string): unknown },
  name: string,
  text: string,
): void {
  const file = join(GOLDEN, `${name}.txt`);
  if (REWRITE) {
    mkdirSync(GOLDEN, { recursive: true });
    writeFileSync(file, text);
  }
  t.equal(text, existsSync(file) ? readFileSync(file, 'utf8') : '', `${name}: TAP_SNAPSHOT=1 rewrites it`);
}

t.test('every verb is declared whole', async (t) => {
  for (const { noun, command } of await allCommands()) {
    const name = command.path.join(' ');
    t.equal(command.path[0], noun.name, `${name}: stands under its noun`);
    t.match(command.summary, /^[A-Z][^\n]*[^.]$/, `${name}: summary is one clause`);
    t.ok(command.examples.length > 0, `${name}: has an example`);
    for (const example of command.examples)
      t.match(example, `nabla ${name}`, `${name}: the example is its own`);
    const spellings = fieldsOf(command).flatMap((field) => [field.name, ...(field.aliases ?? [])]);
    t.equal(new Set(spellings).size, spellings.length, `${name}: no spelling means two flags`);
    for (const spelling of spellings) t.equal(toCamelCase(toKebabCase(spelling)), spelling, spelling);
    const shorts = fieldsOf(command).flatMap((field) => field.short ?? []);
    t.equal(new Set(shorts).size, shorts.length, `${name}: no letter means two flags`);
    for (const refusal of command.refused ?? []) {
      t.notOk(
        indexFlags(command).bySpelling.has(refusal.name),
        `${name}: ${refusal.name} is not refused and accepted`,
      );
    }
    const known = COMMAND_TREE.refusedVerbs.some((verb) => verb.path.join(' ') === name);
    t.notOk(known, `${name}: is not listed as absent`);
  }
  const names = COMMAND_TREE.nouns.flatMap((noun) => [noun.name, ...(noun.aliases ?? [])]);
  t.equal(
    new Set([...names, ...COMMAND_TREE.refusedNouns.map(({ name }) => name)]).size,
    names.length + COMMAND_TREE.refusedNouns.length,
  );
});

t.test('help pages are as reviewed', async (t) => {
  compare(t, 'nabla', (await runCli(['--help'])).stdout);
  for (const { noun } of await allCommands()) {
    if (noun.hidden !== true) compare(t, noun.name, (await runCli([noun.name, '--help'])).stdout);
  }
  for (const { command } of await allCommands()) {
    if (command.hidden === true || command.path.length === 1) continue;
    const run = await runCli([...command.path, '--help']);
    t.equal(run.code, 0);
    for (const line of run.stdout.split('\n')) t.ok(line.length <= 100, `fits 100 columns: ${line}`);
    compare(t, command.path.join('-'), run.stdout);
  }
  const pages = new Set(readdirSync(GOLDEN));
  t.ok(pages.size > 30, 'a page for every verb');
});

t.test('help is asked for in every usual way', async (t) => {
  const want = (await runCli(['jobs', 'run', '--help'])).stdout;
  t.equal((await runCli(['help', 'jobs', 'run'])).stdout, want);
  t.equal((await runCli(['jobs', 'run', '-h'])).stdout, want);
  t.equal((await runCli([])).stdout, (await runCli(['--help'])).stdout);
  t.match(await runCli(['jobs']), { code: 2, stdout: '', stderr: /Verbs:/ }, 'a noun alone is wrong use');
  t.match(await runCli(['jobs', 'artifacts']), { code: 2, stderr: /nabla jobs artifacts VERB/ });
  t.match(await runCli(['--version']), { code: 0, stdout: '9.9.9\n' });
  t.match(await runCli(['version', '-o', 'json']), { stdout: '{"version":"9.9.9"}\n' });
  t.match(await runCli(['--nonsense']), { code: 2 });
});

t.test('colours appear on terminals only, and NO_COLOR is obeyed', async (t) => {
  t.match((await runCli(['--help'], { columns: 80 })).stdout, /\u001b\[1m/);
  t.notMatch((await runCli(['--help'])).stdout, /\u001b/);
  for (const variables of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    t.notMatch((await runCli(['--help'], { columns: 80, variables })).stdout, /\u001b/);
    t.notMatch((await runCli(['jobs', 'nope'], { columns: 80, variables })).stderr, /\u001b/);
  }
});
