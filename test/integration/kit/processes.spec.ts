/**
 * Aim: the test runner bounds its children and leaves nothing of them behind. Method: real processes that hang,
 * that ignore the polite signal, and that leave a child of their own.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { eventually } from '../../kit/eventually.ts';
import { repoRoot } from '../../kit/repo-root.ts';

interface Ended {
  readonly code: number;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly output: string;
}

const { runBounded } = (await import(
  pathToFileURL(join(repoRoot, 'test', 'kit', 'runner', 'processes.mjs')).href
)) as {
  runBounded(
    program: string,
    args: readonly string[],
    options: { timeoutMs: number; quiet?: boolean },
  ): Promise<Ended>;
};

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    // No such process: it is gone.
    return true;
  }
}

t.test('code and output come back', async (t) => {
  const ended = await runBounded('/bin/sh', ['-c', 'echo out; echo err >&2; exit 3'], {
    timeoutMs: 10_000,
    quiet: true,
  });
  t.match(ended, { code: 3, signal: null, timedOut: false });
  t.same(ended.output.trim().split('\n').sort(), ['err', 'out']);
});

t.test('a program that is not there has code 127', async (t) => {
  t.match(await runBounded('/nonexistent/program', [], { timeoutMs: 1_000, quiet: true }), { code: 127 });
});

t.test('a hanging program is stopped at its limit', async (t) => {
  const ended = await runBounded('/bin/sh', ['-c', 'sleep 60'], { timeoutMs: 100, quiet: true });
  t.match(ended, { timedOut: true });
});

t.test('a child left behind goes with its group', async (t) => {
  const ended = await runBounded('/bin/sh', ['-c', 'sleep 60 & echo $!'], { timeoutMs: 10_000, quiet: true });
  const pid = Number(ended.output.trim());
  t.ok(pid > 1, 'the child told its number');
  t.ok(await eventually(() => isGone(pid), { what: 'the end of the child' }));
});
