/**
 * Aim: Range headers mean what RFC 9110 says. Method: a table over a file of 10 bytes.
 */
import t from 'tap';
import { parseRange } from '../../../../controller/http/http-range.ts';

const ROWS: readonly [header: string | undefined, want: ReturnType<typeof parseRange>][] = [
  [undefined, 'whole'],
  ['', 'whole'],
  ['bytes=0-0', { start: 0, end: 1 }],
  ['bytes=2-4', { start: 2, end: 5 }],
  ['bytes=2-', { start: 2, end: 10 }],
  ['bytes=9-', { start: 9, end: 10 }],
  ['bytes=2-400', { start: 2, end: 10 }],
  ['bytes=-3', { start: 7, end: 10 }],
  ['bytes=-300', { start: 0, end: 10 }],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=999999999999999-', 'unsatisfiable'],
  ['bytes=4-2', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=0-1,3-4', 'whole'],
  ['items=0-1', 'whole'],
  ['bytes=a-b', 'whole'],
  ['bytes=9999999999999999999-', 'whole'],
];

t.test('ranges', async (t) => {
  for (const [header, want] of ROWS) t.same(parseRange(header, 10), want, String(header));
  t.equal(parseRange('bytes=0-', 0), 'unsatisfiable', 'an empty file has no byte to give');
});
