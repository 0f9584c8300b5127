#!/usr/bin/env node
/**
 * `npm run demo` and `npm start`: makes the checkout ready, then becomes `nabla demo` or `nabla up`. Needs only
 * Node and npm. Signals are passed on and the exit code is the command's own.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { prepareTree, REPO_ROOT } from './prepare.mjs';

const NODE_LEAST = [20, 19];
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Old versions fail much later and in odd ways, so say it now. */
function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_LEAST[0] || (major === NODE_LEAST[0] && minor >= NODE_LEAST[1])) return;
  throw new Error(`Node ${NODE_LEAST.join('.')} or newer is needed, this is ${process.versions.node}`);
}

/** Runs the compiled CLI to its end and returns the exit code that this process should have. */
function runCli(args) {
  const program = join(REPO_ROOT, 'dist', 'cli', 'main.js');
  if (!existsSync(program)) throw new Error('the command-line program was not built');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', program, ...args], { stdio: 'inherit' });
    for (const signal of PASSED_ON) {
      // A terminal signals the whole foreground group: passing it on would make one Ctrl-C two.
      process.on(signal, () => (process.stdin.isTTY && signal === 'SIGINT' ? undefined : child.kill(signal)));
    }
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

try {
  refuseOldNode();
  const args = process.argv.slice(2);
  if (args.length === 0) throw new Error('usage: bootstrap.mjs demo|up [flags]');
  await prepareTree({ say: (line) => process.stderr.write(`${line}\n`) });
  process.exitCode = await runCli(args);
} catch (error) {
  process.stderr.write(`nabla: ${error.message}\n`);
  process.exitCode = 125;
}
