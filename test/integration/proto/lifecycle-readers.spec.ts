/**
 * Aim: a process whose log reader has died goes on and can still be stopped; it neither spins on the broken pipe nor
 * ends. Method: a real child, its standard error closed under it, then made to log, then stopped.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { eventually } from '../../kit/eventually.ts';

const PROGRAM = fileURLToPath(new URL('../../kit/chatty-process.js', import.meta.url));

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

t.test('a process outlives the reader of its log', { skip: process.platform !== 'linux' }, async (t) => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'ignore', 'pipe'] });
  const exit = once(child, 'exit');
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  child.stderr.destroy();
  const pid = child.pid as number;
  for (let line = 0; line < 3; line++) {
    await new Promise<void>((resolve) => child.stdin.write('log\n', () => resolve()));
  }
  // A loop over the broken pipe would take every tick there is (100 a second); an idle process takes next to none.
  const before = cpuTicks(pid);
  const startMs = performance.now();
  await eventually(() => performance.now() - startMs > 500);
  t.ok(cpuTicks(pid) - before < 25, 'it does not spin');
  t.equal(child.exitCode, null, 'it is alive');
  child.kill('SIGTERM');
  const [code] = await exit;
  t.equal(code, 0, 'and closes in order when told to');
});
