/** Aim: frames come out whole however the bytes were split, and what is no frame is refused. */
import fc from 'fast-check';
import t from 'tap';
import { parseExecStart, parseResize, readExecFrames } from '../../../../agent/ingress/exec-frames.ts';
import { encodeExecFrame } from '../../../../proto/domain/frame.ts';

async function* split(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

t.test('any split gives the same frames', async () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      payloads,
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }),
      async (sent, sizes) => {
        const bytes = Buffer.concat(sent.map((payload) => encodeExecFrame('stdin', payload)));
        const got: string[] = [];
        for await (const { kind, payload } of readExecFrames(split(bytes, sizes))) {
          got.push(`${kind}:${Buffer.from(payload).toString('hex')}`);
        }
        const want = sent.map((payload) => `stdin:${Buffer.from(payload).toString('hex')}`);
        return got.join() === want.join();
      },
    ),
    { numRuns: 200 },
  );
});

t.test('what is no frame is refused', async (t) => {
  const read = async (): Promise<void> => {
    for await (const _frame of readExecFrames(split(Buffer.from('HELLO WORLD'), []))) t.fail('a frame');
  };
  await t.rejects(read(), { code: 'EXEC_FRAME_INVALID' });
});

const start = (value: unknown) => ({ kind: 'start', payload: Buffer.from(JSON.stringify(value)) }) as const;

t.test('a start frame needs a command; sizes and rest have defaults', async (t) => {
  t.match(parseExecStart(start({ argv: ['sh'], tty: true })), {
    argv: ['sh'],
    tty: true,
    rows: 24,
    columns: 80,
    env: {},
  });
  for (const value of [{}, { argv: [] }, { argv: 'sh' }, { argv: [1] }, 7, null]) {
    t.throws(() => parseExecStart(start(value)), { code: 'EXEC_FRAME_INVALID' }, JSON.stringify(value));
  }
  t.throws(() => parseExecStart({ kind: 'stdin', payload: new Uint8Array() }), {
    code: 'EXEC_FRAME_INVALID',
  });
  t.throws(() => parseExecStart(undefined), { code: 'EXEC_FRAME_INVALID' });
});

t.test('sizes out of range fall back', async (t) => {
  t.same(parseResize(Buffer.from('{"rows":0,"columns":1e9}')), { rows: 24, columns: 80 });
  t.same(parseResize(Buffer.from('{"rows":50,"columns":132}')), { rows: 50, columns: 132 });
});
