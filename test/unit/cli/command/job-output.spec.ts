/**
 * Aim: what a log says is printed whatever its times are. Method: chunks with possible and impossible times.
 */
import t from 'tap';
import type { LogChunk } from '../../../../cli/client/cluster-client.ts';
import type { CommandContext } from '../../../../cli/command/command-tree.ts';
import { createJobOutput } from '../../../../cli/command/jobs/job-output.ts';
import { collector } from '../cli-kit.ts';

async function stamped(timeMs: number): Promise<string> {
  const out = collector();
  const context = { terminal: { stdout: out.stream, stderr: out.stream } } as unknown as CommandContext;
  const output = createJobOutput(context, { before: () => undefined, timestamps: true });
  const chunk: LogChunk = {
    offset: 0,
    nextOffset: 4,
    stream: 'stdout',
    timeMs,
    bytes: Buffer.from('a\nb\n'),
    gapBytes: 0,
    eof: false,
    attempt: 1,
  };
  await output.write(chunk);
  return out.text();
}

t.test('each line gets its time', async (t) => {
  t.equal(await stamped(0), '1970-01-01T00:00:00.000Z a\n1970-01-01T00:00:00.000Z b\n');
});

t.test('an impossible time costs the time, not the line', async (t) => {
  for (const timeMs of [8.64e15 + 1, -1e18, Number(2n ** 63n - 1n), Number.NaN]) {
    t.equal(await stamped(timeMs), 'time unknown a\ntime unknown b\n', String(timeMs));
  }
});
