/**
 * The part of the driver contract about output: nothing lost, nothing twice, in bounded pieces, whatever the bytes.
 */
import type { Test } from 'tap';
import { OUTPUT_START, type OutputChunk, type OutputCursor } from '../../agent/core/driver-port.ts';
import { type DriverSuite, gather, openBench, shell } from './driver-setup.ts';

/** Enough to cut at beginnings, middles and ends of entries. */
const CUTS_MAX = 40;
const CHUNK_BYTES_MAX = 64 * 1024;

export async function contractOutput(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  const both = await bench.run(
    await bench.plan({ kind: 'print', stdout: 'to out\\n', stderr: 'to err\\n', code: 0 }),
  );
  t.equal(String(both.stdout), 'to out\n', 'stdout is told');
  t.equal(String(both.stderr), 'to err\n', 'stderr is told apart');

  const silent = await bench.run(await bench.plan({ kind: 'exit', code: 0 }));
  t.equal(silent.stdout.length + silent.stderr.length, 0, 'no output is no output');

  const plan = await bench.start(await bench.plan({ kind: 'count', lines: 400 }));
  const expected = Array.from({ length: 400 }, (_, line) => `line ${line}\n`).join('');
  const { chunks, stdout } = await gather(driver.output(plan.key, OUTPUT_START, never));
  t.equal(String(stdout), expected, 'following a running task tells everything once');
  t.ok(
    chunks.every(({ timeMs }) => timeMs > 1_600_000_000_000),
    'with the time',
  );
  for (const at of pick(chunks.length)) {
    const before = Buffer.concat(chunks.slice(0, at + 1).map(({ bytes }) => bytes));
    const rest = await gather(driver.output(plan.key, chunks[at]?.cursor ?? OUTPUT_START, never));
    t.equal(
      String(before) + String(rest.stdout),
      expected,
      `resuming after piece ${at} loses and repeats nothing`,
    );
  }
  await resumeAgainAndAgain(t, suite);
  if (suite.real) await realBytes(t, suite);
  if (suite.endsWithNewline === true) return;
  const open = await bench.run(
    await bench.plan({ kind: 'print', stdout: 'no newline', stderr: '', code: 0 }),
  );
  t.equal(String(open.stdout), 'no newline', 'nothing is added at the end');
}

/** A reader that is cut off after every few pieces, while the task still prints. */
async function resumeAgainAndAgain(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const plan = await bench.start(await bench.plan({ kind: 'count', lines: 1000 }));
  let cursor: OutputCursor = OUTPUT_START;
  let text = '';
  let cuts = 0;
  for (let over = false; !over; cuts++) {
    const cut = new AbortController();
    over = true;
    try {
      let taken = 0;
      for await (const chunk of bench.driver.output(plan.key, cursor, cut.signal)) {
        text += Buffer.from(chunk.bytes).toString();
        cursor = chunk.cursor;
        if (++taken < 3 || cuts >= CUTS_MAX) continue;
        over = false;
        break;
      }
    } catch {
      over = false;
    } finally {
      cut.abort();
    }
  }
  const expected = Array.from({ length: 1000 }, (_, line) => `line ${line}\n`).join('');
  t.equal(text, expected, `a reader cut off ${cuts} times has everything once`);

  const endless = await bench.start(await bench.plan({ kind: 'run' }));
  const cut = new AbortController();
  const reading = gather(bench.driver.output(endless.key, OUTPUT_START, cut.signal)).then(
    () => 'ended',
    () => 'rejected',
  );
  setImmediate(() => cut.abort());
  t.equal(await reading, 'rejected', 'following can be given up');
}

async function realBytes(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const binary = await bench.run(
    await bench.plan(
      shell(`i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf '%03o' $i)"; i=$((i+1)); done; echo`),
    ),
  );
  const all = Buffer.from([...Array.from({ length: 256 }, (_, byte) => byte), 10]);
  t.ok(binary.stdout.equals(all), 'every byte value comes through');

  const bytes = 5_000_000;
  const long = await bench.start(
    await bench.plan(shell(`head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo end >&2`)),
  );
  const { stdout, stderr, chunks } = await gather(bench.driver.output(long.key, OUTPUT_START, bench.never));
  t.equal(stdout.length, bytes + 1, 'a line of 5 MB comes whole');
  t.ok(
    stdout.subarray(0, bytes).every((byte) => byte === 0x78),
    'and right',
  );
  t.equal(String(stderr), 'end\n');
  t.ok(chunks.every(inBounds), 'in pieces of at most 64 KiB');
  const middle = chunks[Math.floor(chunks.length / 2)];
  const before = lengthUpTo(chunks, middle);
  const rest = await gather(bench.driver.output(long.key, middle?.cursor ?? OUTPUT_START, bench.never));
  t.equal(before + rest.stdout.length, bytes + 1, 'and can be resumed in its middle');
}

function lengthUpTo(chunks: readonly OutputChunk[], last: OutputChunk | undefined): number {
  let length = 0;
  for (const chunk of chunks) {
    if (chunk.stream === 'stdout') length += chunk.bytes.length;
    if (chunk === last) break;
  }
  return length;
}

function inBounds({ bytes }: OutputChunk): boolean {
  return bytes.length > 0 && bytes.length <= CHUNK_BYTES_MAX;
}

/** First, last and a few between. */
function pick(length: number): readonly number[] {
  return [...new Set([0, Math.floor(length / 3), Math.floor((2 * length) / 3), length - 1])].filter(
    (at) => at >= 0,
  );
}
