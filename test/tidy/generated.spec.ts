/**
 * Aim: the checked-in generated code is what the schema gives today, and the schema keeps buf's rules. Method:
 * generate into a temporary folder, offline, and compare byte by byte.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import t from 'tap';
import { repoRoot } from '../kit/repo-root.ts';

const BUF_TIMEOUT_MS = 60_000;

t.test('proto/gen is fresh', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-gen-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const ran = await runBuf(['generate', '-o', folder]);
  t.equal(ran.failure, '', 'buf generates without complaint');
  const wanted = readFolder(join(folder, 'proto', 'gen'));
  const found = readFolder(join(repoRoot, 'proto', 'gen'));
  t.ok(wanted.size > 0, 'something was generated');
  t.same([...found.keys()], [...wanted.keys()], 'the same files, none left over');
  const stale = [...wanted].filter(([path, text]) => found.get(path) !== text).map(([path]) => path);
  t.same(stale, [], 'the same bytes; `npm run generate` makes them anew');
});

t.test('the schema keeps the rules of buf lint', async (t) => {
  const ran = await runBuf(['lint']);
  t.equal(ran.failure, '');
});

/** The plugin of buf.gen.yaml is found on the PATH. */
function runBuf(args: readonly string[]): Promise<{ readonly failure: string }> {
  const bin = join(repoRoot, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
  return new Promise((resolve) => {
    const limits = { cwd: repoRoot, env, timeout: BUF_TIMEOUT_MS };
    execFile(join(bin, 'buf'), [...args], limits, (error, stdout, stderr) =>
      resolve({ failure: error === null ? '' : `${stdout}${stderr}${error.message}` }),
    );
  });
}

function readFolder(root: string): ReadonlyMap<string, string> {
  const paths = readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}
