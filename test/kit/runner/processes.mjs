/**
 * Bounded child processes for the test runner: each gets its own process group and a time limit, and whatever is
 * left of a group when its leader ends, or when the runner itself is stopped, is killed. Nothing else ever is.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const KILL_GRACE_MS = 5_000;
const OUTPUT_BYTES_MAX = 64 * 1024;
const liveGroups = new Set();

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => {
    for (const pid of liveGroups) killGroup(pid, 'SIGKILL');
    process.exit(code);
  });
}
process.on('exit', () => {
  for (const pid of liveGroups) killGroup(pid, 'SIGKILL');
});

/**
 * Runs a program to its end or its time limit. Never throws: a program that cannot be started has code 127.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ timeoutMs: number, cwd?: string, env?: Record<string, string | undefined>, quiet?: boolean, stdoutPath?: string }}
 *   options `quiet` keeps the output (its last 64 KiB) for the caller instead of showing it; `stdoutPath` sends what
 *   the program prints to a file.
 * @returns {Promise<{ code: number, signal: string | null, timedOut: boolean, output: string }>}
 */
export function runBounded(program, args, { timeoutMs, cwd, env, quiet = false, stdoutPath }) {
  return new Promise((resolve) => {
    const shown = quiet ? 'pipe' : 'inherit';
    const file = stdoutPath === undefined ? undefined : openSync(stdoutPath, 'w');
    const stdio = ['ignore', file ?? shown, shown];
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio, detached: true });
    if (file !== undefined) closeSync(file);
    let output = '';
    let timedOut = false;
    const keep = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_BYTES_MAX);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('error', (error) =>
      resolve({ code: 127, signal: null, timedOut: false, output: error.message }),
    );
    if (child.pid === undefined) return;
    const { pid } = child;
    liveGroups.add(pid);
    const limit = setTimeout(() => {
      timedOut = true;
      killGroup(pid, 'SIGTERM');
      setTimeout(() => killGroup(pid, 'SIGKILL'), KILL_GRACE_MS).unref();
    }, timeoutMs);
    // On exit, not close: a leftover child may hold the pipes open for ever, and is about to be killed.
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      killGroup(pid, 'SIGKILL');
      liveGroups.delete(pid);
      setImmediate(() => resolve({ code: code ?? 1, signal, timedOut, output }));
    });
  });
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is already gone, which is what was wanted.
  }
}
