/**
 * Aim: frames come out with the right offsets however the bytes are cut, from any offset, and tails begin at the right
 * line. Method: random logs compared with a plain model of their lines.
 */
import t from 'tap';
import { type PlacedFrame, readLogFrames } from '../../../../../controller/rpc/logs/log-frames.ts';
import { createLineSkipper, createTailWindow } from '../../../../../controller/rpc/logs/log-tail.ts';
import { encodeGapFrame, encodeLogFrame } from '../../../../../proto/domain/frame.ts';
import { createTestRng, type SplittableRng } from '../../../../kit/rng.ts';

const frame = (text: string, kind: 'stdout' | 'stderr' = 'stdout') =>
  encodeLogFrame({ kind, timeMs: 5, payload: Buffer.from(text) });

async function* cut(bytes: Buffer, rng: SplittableRng): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + rng.integer(40);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(bytes: Buffer, span: { start: number; from?: number }, rng = createTestRng('cut')) {
  const frames: PlacedFrame[] = [];
  for await (const batch of readLogFrames(cut(bytes, rng), span)) frames.push(...batch);
  return frames;
}

const textOf = (frames: readonly PlacedFrame[]): string =>
  frames
    .map(({ frame: { kind, payload } }) => (kind === 'gap' ? '' : Buffer.from(payload).toString()))
    .join('');

t.test('offsets count frames with their headers and jump over gaps', async (t) => {
  const log = Buffer.concat([frame('ab'), encodeGapFrame(100), frame('c', 'stderr')]);
  const frames = await read(log, { start: 7 });
  t.same(
    frames.map(({ offset, nextOffset }) => [offset, nextOffset]),
    [
      [7, 22],
      [22, 122],
      [122, 136],
    ],
  );
});

t.test('reading from inside a frame shortens it so that the next offset stays right', async (t) => {
  const log = Buffer.concat([frame('abcdef'), frame('xyz')]);
  const frames = await read(log, { start: 0, from: 2 });
  t.equal(textOf(frames), 'cdefxyz');
  t.same([frames[0]?.offset, frames[0]?.nextOffset], [2, 19]);
  t.equal(textOf(await read(log, { start: 0, from: 18 })), 'xyz', 'no payload of the first is left');
  t.equal(textOf(await read(log, { start: 0, from: 19 })), 'xyz');
  t.equal(textOf(await read(log, { start: 0, from: 999 })), '');
  const gap = Buffer.concat([encodeGapFrame(50), frame('z')]);
  t.equal(
    (await read(gap, { start: 0, from: 10 }))[0]?.frame.kind,
    'gap',
    'a gap that holds the offset is told',
  );
  t.equal((await read(gap, { start: 0, from: 50 }))[0]?.frame.kind, 'stdout');
});

t.test('a cut last frame is left out, nonsense is an error', async (t) => {
  const log = Buffer.concat([frame('whole'), frame('cut').subarray(0, 5)]);
  t.equal(textOf(await read(log, { start: 0 })), 'whole');
  await t.rejects(read(Buffer.alloc(40, 9), { start: 0 }), { code: 'LOG_CORRUPT' });
  const brokenGap = Buffer.from(encodeGapFrame(1)).subarray(0, 13);
  brokenGap.writeUInt32BE(0, 9);
  await t.rejects(read(brokenGap, { start: 0 }), { code: 'LOG_CORRUPT' });
});

t.test('tails of random logs are the last lines of each stream', async (t) => {
  const rng = createTestRng('tail');
  for (let run = 0; run < 200; run += 1) {
    const texts = Array.from({ length: 1 + rng.integer(20) }, () => {
      const kind = rng.integer(3) === 0 ? ('stderr' as const) : ('stdout' as const);
      const parts = Array.from({ length: rng.integer(4) }, () => 'x'.repeat(rng.integer(5)));
      return { kind, text: `${parts.join('\n')}${rng.integer(2) === 0 ? '\n' : 'y'}` };
    });
    const log = Buffer.concat(texts.map(({ kind, text }) => frame(text, kind)));
    const stream = [undefined, 'stdout', 'stderr'][rng.integer(3)] as 'stdout' | 'stderr' | undefined;
    const lines = 1 + rng.integer(6);
    const isOf = ({ kind }: { readonly kind: string }) => stream === undefined || kind === stream;
    const whole = texts
      .filter(isOf)
      .map(({ text }) => text)
      .join('');
    const ends = whole.endsWith('\n');
    const want = whole
      .split('\n')
      .slice(ends ? -lines - 1 : -lines)
      .join('\n');
    const window = createTailWindow(lines, stream);
    for (const placed of await read(log, { start: 0 }, rng)) window.add(placed);
    const start = window.start();
    const skip = createLineSkipper(start?.skipLines ?? 0);
    const frames = (await read(log, { start: 0, from: start?.offset ?? 0 }, rng))
      .filter((placed) => isOf(placed.frame))
      .map(skip)
      .filter((placed) => placed !== undefined);
    if (textOf(frames) !== want) {
      t.fail('another tail', { whole, lines, stream, got: textOf(frames), want });
      return;
    }
  }
  t.pass('all tails are right');
});
