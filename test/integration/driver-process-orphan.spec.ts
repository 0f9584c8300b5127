/**
 * Aim: an agent that dies between ordering a start and hearing of it does not end the task: it runs, and its end is
 * its own. Method: the starter's shell is given a start after its reader is gone, as a killed agent leaves it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Detachment, renderPrologue, renderStart } from '../../agent/driver/process/start-script.ts';
import { eventually } from '../kit/eventually.ts';

/** The lines of the run file once the wrapper has written the end. */
async function startUnheard(t: Test, detachment: Detachment, line: string): Promise<readonly string[]> {
  const folder = t.testdir();
  const shell = spawn('/bin/sh', [], { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  t.teardown(() => shell.kill('SIGKILL'));
  shell.stdout.destroy();
  await once(shell.stdout, 'close');
  const runFile = join(folder, 'run');
  const request = {
    id: 1,
    runFile,
    stdoutFile: join(folder, 'stdout'),
    stderrFile: join(folder, 'stderr'),
    folder,
    record: '{"version":1}',
    processesFile: '',
    memoryFile: '',
    env: new Map(),
    requiredPaths: [],
    attachments: [],
    argv: ['/bin/sh', '-c', line],
  };
  shell.stdin.write(renderPrologue(detachment) + renderStart(request, detachment));
  const content = await eventually(
    async () => {
      const text = await readFile(runFile, 'utf8');
      return text.includes('exit=') ? text : undefined;
    },
    { what: 'the end in the run file' },
  );
  return content.trimEnd().split('\n').slice(2);
}

const DETACHMENTS: readonly Detachment[] = [{ kind: 'session', argv: [] }, { kind: 'orphan' }];

for (const detachment of DETACHMENTS) {
  t.test(`${detachment.kind}: a task whose start nobody hears of runs to its own end`, async (t) => {
    t.same(await startUnheard(t, detachment, 'exit 3'), ['exit=3'], 'and nothing else is said');
  });

  t.test(`${detachment.kind}: a broken pipe of its own still ends it`, async (t) => {
    const said = await startUnheard(t, detachment, 'kill -s PIPE $$; exit 0');
    t.equal(said.at(-1), 'exit=141', 'the signal is at its default');
  });
}
