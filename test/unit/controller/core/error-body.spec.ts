/**
 * Aim: an error body gives the same error back, anything else gives nothing. Method: a table of bodies.
 */
import t from 'tap';
import { fromErrorBody } from '../../../../controller/core/error-body.ts';

t.test('a body of ours is the error that it tells', async (t) => {
  const body = { error: { kind: 'quota', code: 'FULL', message: 'm', hint: 'h', extra: 1 } };
  t.match(fromErrorBody(JSON.stringify(body)), { kind: 'quota', code: 'FULL', message: 'm', hint: 'h' });
});

t.test('long texts are cut', async (t) => {
  const error = { kind: 'bug', code: 'x'.repeat(9999), message: 'y'.repeat(9999) };
  const read = fromErrorBody(JSON.stringify({ error }));
  t.ok((read?.code.length ?? 0) <= 512 && (read?.message.length ?? 0) <= 512);
});

t.test('anything else is nothing', async (t) => {
  const bodies = [
    '',
    '{',
    'null',
    '7',
    '[]',
    '{}',
    '{"error":null}',
    '{"error":{"kind":"strange"}}',
    '<html>',
  ];
  for (const body of bodies) t.equal(fromErrorBody(body), undefined, body);
});
