/**
 * Aim: an error arrives as it was sent, within the bounds of a trailer. Method: rows of every kind and a giant one.
 */
import t from 'tap';
import { ClusterError, ERROR_KINDS } from '../../../../proto/errors/cluster-error.ts';
import { fromErrorDetailBytes, toErrorDetailBytes } from '../../../../proto/wire/error-wire.ts';

t.test('every kind is rebuilt with all its parts', async (t) => {
  for (const kind of ERROR_KINDS) {
    const error = new ClusterError(kind, 'SOME_CODE', 'a message', {
      hint: 'do this',
      fields: [{ path: 'spec.name', reason: 'is wrong' }],
      details: { jobId: 'job_1' },
      retryAfterMs: 250,
    });
    const back = fromErrorDetailBytes(toErrorDetailBytes(error));
    t.match(back, {
      kind,
      code: 'SOME_CODE',
      message: 'a message',
      hint: 'do this',
      fields: error.fields,
      details: error.details,
      retryAfterMs: 250,
    });
  }
});

t.test('a giant error is cut to what a trailer carries', async (t) => {
  const fields = Array.from({ length: 500 }, (_, index) => ({ path: `f${index}`, reason: 'x'.repeat(5000) }));
  const bytes = toErrorDetailBytes(new ClusterError('invalid', 'X', 'y'.repeat(100_000), { fields }));
  t.ok(bytes.byteLength <= 6 * 1024, `${bytes.byteLength} bytes`);
  t.equal(fromErrorDetailBytes(bytes)?.kind, 'invalid');
});

t.test('lone surrogates and odd numbers do not break it', async (t) => {
  const error = new ClusterError('quota', 'X', 'bad \ud800 text', { retryAfterMs: 1.5 });
  t.equal(fromErrorDetailBytes(toErrorDetailBytes(error))?.retryAfterMs, 1);
});

t.test('what is not ours is undefined', async (t) => {
  t.equal(fromErrorDetailBytes(Buffer.from('not a detail at all')), undefined);
  t.equal(fromErrorDetailBytes(new Uint8Array()), undefined);
});
