#!/usr/bin/env node
/**
 * `npm run sim -- --seed N --steps M | --seeds COUNT [--from N] | --planted NAME|all`: installs and builds when
 * needed, then runs the compiled simulation. Plain Node, because it must work before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (!existsSync(join(root, 'node_modules', 'typescript'))) run('npm', ['ci', '--ignore-scripts']);
run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json']);
const sim = spawnSync(
  process.execPath,
  ['--enable-source-maps', join(root, 'dist', 'test', 'sim', 'main.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exit(sim.status ?? 1);
