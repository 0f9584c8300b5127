/**
 * Aim: what npm would publish runs by itself: programs, examples and schema are in it, tests and leftovers of the
 * build are not. Method: npm's own list of the files, without packing them.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { repoRoot } from '../../kit/repo-root.ts';

const PACK_TIMEOUT_MS = 120_000;
const NEEDED = [
  'deploy/examples/digits/digits.csv',
  'deploy/examples/digits/train.mjs',
  'deploy/examples/jobs/hello.yaml',
  'deploy/schema/job.schema.json',
  'dist/agent/storage/folder-worker.js',
  'LICENSE',
  'README.md',
];

t.test('the package holds what its programs need, and no more', async (t) => {
  const args = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  const options = { cwd: repoRoot, timeout: PACK_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)('npm', args, options);
  const [pack] = JSON.parse(stdout) as readonly { readonly files: readonly { readonly path: string }[] }[];
  const paths = new Set(pack?.files.map(({ path }) => path));
  const { bin } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
  };
  for (const path of [...Object.values(bin), ...NEEDED]) t.ok(paths.has(path), `${path} is in it`);
  const bundle = 'dist/.bundle/nabla.cjs';
  t.equal(paths.has(bundle), existsSync(join(repoRoot, bundle)), 'the bundled command line comes along');
  const leftovers = /^(test|dist\/test|node_modules)\/|\.(map|cache|tsbuildinfo|ts)$|\.nabla-build/;
  t.same(
    [...paths].filter((path) => leftovers.test(path)),
    [],
    'tests and leftovers stay behind',
  );
});
