/**
 * Aim: framed streams are read the same however the transport cuts them. Method: a stream of frames is cut at every
 * place and at random ones; what is no such stream is refused.
 */
import t from 'tap';
import { createFrameParser, type Frame, toLogEntry } from '../../../../../agent/driver/docker/log-frames.ts';

function frame(stream: 1 | 2, payload: string | Buffer): Buffer {
  const body = Buffer.from(payload as string);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

const WHOLE = Buffer.concat([
  frame(1, 'one\n'),
  frame(2, ''),
  frame(2, 'two'),
  frame(1, Buffer.alloc(300, 7)),
]);
const read = (frames: readonly Frame[]): unknown =>
  frames.map(({ stream, payload }) => [stream, payload.toString('hex')]);
const WANT = read(createFrameParser().push(WHOLE));

t.test('cuts do not matter', async (tt) => {
  tt.equal((WANT as unknown[]).length, 4);
  for (let at = 0; at <= WHOLE.length; at++) {
    const parser = createFrameParser();
    const frames = [...parser.push(WHOLE.subarray(0, at)), ...parser.push(WHOLE.subarray(at))];
    if (JSON.stringify(read(frames)) !== JSON.stringify(WANT)) tt.fail(`cut at ${at}`);
  }
  const single = createFrameParser();
  const bytewise = [...WHOLE].flatMap((byte) => [...single.push(Uint8Array.of(byte))]);
  tt.same(read(bytewise), WANT, 'byte by byte too');
});

t.test('what is not framed is refused', async (tt) => {
  tt.throws(() => createFrameParser().push(Buffer.from('hello, world')), { code: 'STREAM_CORRUPT' });
  tt.throws(() => createFrameParser().push(Buffer.from([1, 0, 0, 0, 255, 0, 0, 0])), {
    code: 'STREAM_CORRUPT',
  });
});

t.test('timestamps are split off', async (tt) => {
  const entry = toLogEntry(Buffer.from('2026-11-23T15:48:59.822118988Z a b\n'));
  tt.equal(entry?.timestamp, '2026-11-23T15:48:59.822118988Z');
  tt.equal(String(entry?.bytes), 'a b\n');
  tt.equal(toLogEntry(Buffer.from('no time here, only words and words\n')), undefined);
});
