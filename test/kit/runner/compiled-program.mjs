/**
 * Runs a program of `test/` from its source: installs and compiles when needed, then hands over. Plain JavaScript
 * without dependencies, because on a fresh clone there are none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** Ends this process with the program's exit code, or with that of a step before it that failed. */
export function runCompiled(program, nodeFlags = []) {
  if (!existsSync(join(ROOT, 'node_modules', 'typescript'))) prepare('npm', ['ci', '--ignore-scripts']);
  prepare(
    process.execPath,
    [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'],
    2,
  );
  const { status } = spawnSync(
    process.execPath,
    [...nodeFlags, join(ROOT, 'dist', 'test', program), ...process.argv.slice(2)],
    { cwd: ROOT, stdio: 'inherit' },
  );
  process.exit(status ?? 1);
}

/** npm's chatter is dropped; what the compiler says is why nothing runs, and goes to stderr. */
function prepare(command, args, output = 'ignore') {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', output, 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
}
