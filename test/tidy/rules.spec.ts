/**
 * Aim: each tidy rule can fail. Method: plant one violation per case in a tree of texts and see it found at the
 * right line, and plant its innocent twin and see it left alone.
 */
import t from 'tap';
import { findBadNames, findBanned } from './bans.ts';
import { findDeadLinks, findDoorTableFaults, findMissingDocuments, findRecordFaults } from './documents.ts';
import { DOORS, findCycles, findImportBreaches } from './import-law.ts';
import {
  FUNCTION_LINES_MAX,
  findOversized,
  findUncollected,
  findWithoutHeader,
  findWithoutTwin,
} from './shape.ts';
import { type Finding, type Tree, treeOf } from './tree.ts';

type Rule = (tree: Tree) => readonly Finding[];
type Planted = readonly [path: string, text: string];

function expectFound(
  name: string,
  rule: Rule,
  guilty: Planted,
  innocent: Planted,
  others: readonly Planted[] = [],
): void {
  t.test(name, async (t) => {
    const caught = rule(treeOf([guilty, ...others])).filter((finding) => finding.path === guilty[0]);
    t.ok(caught.length > 0, 'the planted violation is found');
    const marked = guilty[1].split('\n').findIndex((line) => line.includes('GUILTY'));
    if (marked >= 0)
      t.ok(
        caught.some((finding) => finding.line === marked + 1),
        'at its line',
      );
    const wronged = rule(treeOf([innocent, ...others])).filter((finding) => finding.path === innocent[0]);
    t.same(wronged, [], 'its innocent twin is left alone');
  });
}

const CORE = 'controller/core/x.ts';
const OTHERS: readonly Planted[] = [
  ['proto/domain/job.ts', ''],
  ['controller/store/level-store.ts', ''],
  ['agent/core/plan.ts', ''],
  ['controller/core/y.ts', ''],
  ['test/kit/z.ts', ''],
  ['deploy/install/b.mjs', ''],
  ['cli/render/table.ts', ''],
];
const imports = (path: string, line: string): Planted => [path, `// header\n${line} // GUILTY`];

expectFound(
  'core importing the store',
  findImportBreaches,
  imports(CORE, "import { a } from '../store/level-store.ts';"),
  imports(CORE, "import { a } from './y.ts';"),
  OTHERS,
);
expectFound(
  'a type-only import counts',
  findImportBreaches,
  imports('agent/driver/d.ts', "import type { a } from '../../controller/core/y.ts';"),
  imports('agent/driver/d.ts', "import type { a } from '../core/plan.ts';"),
  OTHERS,
);
expectFound(
  'a dynamic import counts',
  findImportBreaches,
  imports('cli/command/c.ts', "const m = await import('../../agent/core/plan.ts');"),
  imports('cli/command/c.ts', "const m = await import('../render/table.ts');"),
  OTHERS,
);
expectFound(
  'a re-export counts',
  findImportBreaches,
  imports('proto/errors/e.ts', "export { a } from '../../controller/core/y.ts';"),
  imports('proto/errors/e.ts', "export { a } from '../domain/job.ts';"),
  OTHERS,
);
expectFound(
  'node in a core',
  findImportBreaches,
  imports(CORE, "import { join } from 'node:path';"),
  imports('controller/store/s.ts', "import { join } from 'node:path';"),
);
expectFound(
  'a package past its door',
  findImportBreaches,
  imports('controller/rpc/r.ts', "import { Level } from 'level';"),
  imports('controller/store/r.ts', "import { Level } from 'level';"),
);
expectFound(
  'a package without a door',
  findImportBreaches,
  imports('controller/rpc/r.ts', "import x from 'left-pad/sub';"),
  imports('controller/rpc/r.ts', "import x from '@grpc/grpc-js';"),
);
expectFound(
  'product importing the test kit',
  findImportBreaches,
  imports('controller/main.ts', "import { z } from '../test/kit/z.ts';"),
  imports('controller/main.ts', "import { y } from './core/y.ts';"),
  OTHERS,
);
expectFound(
  'anybody importing deploy',
  findImportBreaches,
  imports('test/kit/k.ts', "import { b } from '../../deploy/install/b.mjs';"),
  imports('test/kit/k.ts', "import { z } from './z.ts';"),
  OTHERS,
);
expectFound(
  'one process wiring another',
  findImportBreaches,
  imports('controller/main.ts', "import { p } from '../agent/core/plan.ts';"),
  imports('agent/main.ts', "import { p } from './core/plan.ts';"),
  OTHERS,
);
expectFound(
  'an import without its ending',
  findImportBreaches,
  imports(CORE, "import { a } from './y';"),
  imports(CORE, "// import { a } from './y';"),
  OTHERS,
);
expectFound(
  'a package without a door, by name alone',
  findImportBreaches,
  imports('controller/rpc/r.ts', "import 'left-pad';"),
  imports('controller/rpc/r.ts', "const b = Buffer.from('left-pad');"),
);
expectFound(
  'a file that is not there',
  findImportBreaches,
  imports(CORE, "import { a } from './gone.ts';"),
  imports(CORE, 'const s = "from \'./gone.ts\'";'),
  OTHERS,
);
expectFound(
  'a cycle of two',
  findCycles,
  ['controller/core/a.ts', "import { b } from './b.ts';"],
  ['controller/core/a.ts', ''],
  [['controller/core/b.ts', "import type { a } from './a.ts';"]],
);

const ban = (path: string, guilty: string, innocent: string, name = guilty): void =>
  expectFound(
    `banned in ${path}: ${name}`,
    findBanned,
    [path, `// header\n${guilty} // GUILTY`],
    [path, `// header\n${innocent}`],
  );

ban(CORE, 'const n = Date.now();', 'const startDate = nowMs; const s = "Date.now()"; // Date.now()');
ban(CORE, 'const d = new Date(5);', 'const d = dateOf(5);');
ban('controller/state/s.ts', 'const r = Math.random();', 'const r = Math.max(1, rng.next());');
ban('agent/core/a.ts', 'setTimeout(go, 5);', 'const setTimeoutMs = 5;');
ban(CORE, 'const e = process.hrtime();', 'const e = work.process(); const f = { process: 1 };');
// biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a template is what is planted.
ban(CORE, 'log(`${performance.now()}`);', 'log(`performance.now()`);', 'inside a template');
ban(CORE, 'console.log(1);', 'note(1);');
ban(CORE, 'const id = crypto.randomUUID();', "const why = 'crypto.randomUUID()';");
ban(CORE, 'export async function f() {}', 'export function asyncLike() {}');
ban(CORE, 'let cache = 1;', 'function f() {\n  let cache = 1;\n}');
ban('proto/wire/w.ts', 'const n = Date.now();', 'const d = new Date(atMs);');
ban('controller/rpc/r.ts', "const p = process.env['PORT'];", 'const p = config.port;');
ban('agent/probe/p.ts', 'console.error(1);', 'log.error(1);');
ban('agent/probe/p.ts', 'export class GpuManager {}', 'export class GpuLedger {}');
ban('agent/probe/p.ts', 'export default 1;', 'export const one = 1;');
ban('agent/probe/p.ts', "export * from './x.ts';", "export { x } from './x.ts';");
ban('test/unit/a.spec.ts', 't.only("x", f);', 't.test("x", f);');
ban('test/unit/a.spec.ts', 't.setTimeout(9_000);', 't.test("x", { timeout: 9_000 }, f);');
ban('test/unit/a.spec.ts', 't.beforeEach(f);', 't.test("x", async (t) => {\n  t.beforeEach(f);\n});');
ban('test/e2e/a.spec.ts', 'await new Promise((done) => setTimeout(done, 9));', 'await eventually(check);');
ban('cli/render/r.ts', `// TO${'DO'}: later`, '// Done.', 'a leftover');
ban('docs/guide/g.md', `see /wo${'rk/main'}/x`, 'see docs/work/main.md', 'a path of a machine');
ban(CORE, `// As argued in relia${'bility'} 3.1.`, '// Reliability is argued in ADR-0003.', 'a page outside');

const quoted = (names: readonly string[]): string => names.map((one) => `\`${one}\``).join(', ');
const doorTable = (doors: Readonly<Record<string, readonly string[]>>): Planted => [
  'ARCHITECTURE.md',
  Object.entries(doors)
    .map(([one, folders]) => `| ${quoted([one])} | ${quoted(folders)} |`)
    .join('\n'),
];
const { level: _level, ...withoutLevel } = DOORS;
expectFound('a door that is not told', findDoorTableFaults, doorTable(withoutLevel), doorTable(DOORS));
expectFound(
  'a door told wrongly',
  findDoorTableFaults,
  doorTable({ ...DOORS, level: ['controller/store', 'cli/client'] }),
  doorTable(DOORS),
);

const name = (guilty: string, innocent: string): void =>
  expectFound(`name ${guilty}`, findBadNames, [guilty, ''], [innocent, '']);
name('proto/domain/jobSpec.ts', 'proto/domain/job-spec.ts');
name('agent/core/utils.ts', 'agent/core/backoff.ts');
name('cli/render/helpers/table.ts', 'cli/render/table.spec.ts');
name('src/main.ts', 'cli/main.ts');

const body = (lines: number): string =>
  Array.from({ length: lines - 2 }, (_, at) => `  step(${at});`).join('\n');
const long = body(FUNCTION_LINES_MAX + 1);
const short = body(FUNCTION_LINES_MAX);
const FUNCTION_HEADS = [
  'export function f(a: number)',
  'export async function f(a: () => void): Promise<{ readonly b: string }>',
  'function f(): { a: string }',
  'const f = async (a) =>',
  'class C {\n  m(a = g()): void',
];
for (const head of FUNCTION_HEADS) {
  expectFound(
    `a long function: ${head}`,
    findOversized,
    ['agent/probe/p.ts', `${head} {\n${long}\n}\n`],
    ['agent/probe/p.ts', `${head} {\n${short}\n}\n`],
  );
}
expectFound(
  'a long loop is no function',
  findOversized,
  ['agent/probe/p.ts', `const f = () => {\n${long}\n};`],
  [
    'agent/probe/p.ts',
    `for (const a of list()) {\n${long}\n}\nif (x) {\n${long}\n}\nconst o = {\n${long}\n};`,
  ],
);
expectFound(
  'a constructor function is as long as its own lines',
  findOversized,
  ['agent/probe/p.ts', `export function openX() {\n  return {\n    close() {\n${long}\n    },\n  };\n}`],
  [
    'agent/probe/p.ts',
    `export function openX() {\n  return {\n    a() {\n${short}\n    },\n    b: () => {\n${short}\n    },\n  };\n}`,
  ],
);
expectFound(
  'but not endless',
  findOversized,
  ['agent/probe/p.ts', `export function openX() {\n${`  const f = () => {\n${short}\n  };\n`.repeat(4)}}`],
  ['agent/probe/p.ts', `export function openX() {\n${`  const f = () => {\n${short}\n  };\n`.repeat(3)}}`],
);
expectFound(
  'a long file',
  findOversized,
  ['cli/main.ts', 'x;\n'.repeat(501)],
  ['cli/main.ts', 'x;\n'.repeat(500)],
);
expectFound(
  'a long test',
  findOversized,
  ['test/kit/a.ts', 'x;\n'.repeat(801)],
  ['test/kit/a.ts', 'x;\n'.repeat(800)],
);
expectFound(
  'no header',
  findWithoutHeader,
  ['cli/main.ts', 'const a = 1;'],
  ['cli/main.ts', '#!/usr/bin/env node\n/** What. */\nconst a = 1;'],
);
expectFound(
  'no twin',
  findWithoutTwin,
  [CORE, 'export function f() {}'],
  ['controller/core/types.ts', 'export interface T {}'],
  [['test/unit/controller/core/w.spec.ts', '']],
);
expectFound(
  'a twin that is there',
  findWithoutTwin,
  ['agent/core/v.ts', 'export const v = () => 1;'],
  ['agent/core/w.ts', 'export const w = 1;'],
  [['test/unit/agent/core/w.spec.ts', '']],
);

const AREAS: readonly Planted[] = [
  ['test/kit/runner/areas.mjs', "{ name: 'unit', timeoutMs: 1 }"],
  ['test/unit.test.ts', "await importSpecs(new URL('./unit/', import.meta.url));"],
];
expectFound(
  'a spec in no area',
  findUncollected,
  ['test/other/a.spec.ts', ''],
  ['test/unit/a.spec.ts', ''],
  AREAS,
);
expectFound(
  'a test file nobody runs',
  findUncollected,
  ['test/unit/a.test.ts', ''],
  ['test/unit/b.spec.ts', ''],
  AREAS,
);
expectFound(
  'an entry of the wrong folder',
  findUncollected,
  ['test/sim.test.ts', "importSpecs(new URL('./unit/'"],
  ['test/unit/c.spec.ts', ''],
  AREAS,
);

t.test('documents that are missing', async (t) => {
  const missing = findMissingDocuments(treeOf([['README.md', '']])).map((finding) => finding.path);
  t.ok(missing.includes('LICENSE'), 'the absent one is named');
  t.notOk(missing.includes('README.md'), 'the present one is not');
});
expectFound(
  'a record without status',
  findRecordFaults,
  ['docs/adr/0001-a.md', '# a'],
  ['docs/adr/0001-a.md', '# a\n\nStatus: accepted'],
);
expectFound(
  'a gap in the numbers',
  findRecordFaults,
  ['docs/adr/0002-a.md', 'Status: accepted'],
  ['docs/adr/0001-a.md', 'Status: accepted'],
);
expectFound(
  'a record that is cited and absent',
  findRecordFaults,
  ['cli/main.ts', '// ADR 0009'],
  ['cli/main.ts', '// ADR 0001'],
  [['docs/adr/0001-a.md', 'Status: accepted']],
);
const links: Rule = (tree) => findDeadLinks(tree, (path) => path === 'docs/guide/there.md');
expectFound(
  'a dead link',
  links,
  ['docs/adr/a.md', '\n[x](../guide/gone.md#a) GUILTY'],
  ['docs/adr/a.md', '[x](../guide/there.md#a) [y](https://example.org)'],
);
