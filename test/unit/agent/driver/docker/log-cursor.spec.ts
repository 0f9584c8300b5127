/**
 * Aim: a log that is read again from any position gives the rest exactly. Method: a made-up log with equal times and
 * streams out of order is cut after every entry and within entries, the engine's inclusive `since` played over it.
 */
import t from 'tap';
import { OUTPUT_CURSOR_TEXT_MAX, OUTPUT_START } from '../../../../../agent/core/driver-port.ts';
import {
  advance,
  createStreamWalk,
  isNewlineMissing,
  LOG_START,
  type LogPosition,
  parsePosition,
  renderPosition,
  toSince,
} from '../../../../../agent/driver/docker/log-cursor.ts';

type Name = 'stdout' | 'stderr';
const at = (nanos: number): string =>
  `2026-01-01T00:00:0${Math.floor(nanos / 1000)}.000000${String(nanos % 1000).padStart(3, '0')}Z`;
const LOG: readonly (readonly [Name, number, string])[] = [
  ['stdout', 5, 'aa'],
  ['stderr', 3, 'late'],
  ['stdout', 5, 'bb'],
  ['stdout', 5, 'cc\n'],
  ['stderr', 4, 'e\n'],
  ['stdout', 9, 'dd\n'],
  ['stdout', 1001, 'ee\n'],
  ['stderr', 1001, 'f\n'],
];

/** Reads what the engine would give from a position, until `limit` bytes were taken. */
function readFrom(
  start: LogPosition,
  limit: number,
): { readonly text: string; readonly position: LogPosition } {
  const since = toSince(start);
  const walks = { stdout: createStreamWalk(start.stdout), stderr: createStreamWalk(start.stderr) };
  let position = start;
  let text = '';
  for (const [name, nanos, words] of LOG) {
    const timestamp = at(nanos);
    if (
      since !== '' &&
      toSince({
        ...LOG_START,
        stdout: { ...LOG_START.stdout, timestamp },
        stderr: { ...LOG_START.stderr, timestamp },
      }) < since
    )
      continue;
    const skipped = walks[name].skip(timestamp, words.length);
    if (skipped === words.length) continue;
    for (const [index, byte] of words.slice(skipped).split('').entries()) {
      if (text.length >= limit) return { text, position };
      const left = words.length - skipped - index - 1;
      position = { ...position, [name]: advance(position[name], timestamp, Buffer.from(byte), left) };
      text += byte;
    }
  }
  return { text, position };
}

t.test('the rest is the rest, wherever it was cut', async (tt) => {
  const whole = readFrom(LOG_START, Number.POSITIVE_INFINITY).text;
  tt.equal(whole, LOG.map(([, , words]) => words).join(''));
  for (let cut = 0; cut <= whole.length; cut++) {
    const first = readFrom(LOG_START, cut);
    const cursor = { ...OUTPUT_START, since: renderPosition(first.position) };
    const rest = readFrom(parsePosition(cursor), Number.POSITIVE_INFINITY);
    if (first.text + rest.text !== whole) tt.fail(`cut after ${cut}: ${JSON.stringify(rest.text)}`);
  }
  tt.pass('every cut');
});

t.test('a cursor that is none reads from the start', async (tt) => {
  for (const since of ['', 'x', '1,2,3', 'a|b'])
    tt.same(parsePosition({ ...OUTPUT_START, since }), LOG_START, since);
});

t.test('a stream that has said nothing does not make the whole log be read', async (tt) => {
  const stdout = { timestamp: '2026-01-01T01:00:00.000000001Z', taken: 1, offset: 0, open: false };
  const since = Number(toSince({ ...LOG_START, stdout }));
  tt.equal(since, Date.parse('2026-01-01T00:50:00Z') / 1000, 'ten minutes are enough for an entry to arrive');
});

t.test('a newline that the engine dropped is missed at the next line only', async (tt) => {
  const open = { timestamp: at(1), taken: 2, offset: 0, open: true };
  tt.equal(isNewlineMissing(open, at(1)), false, 'a piece of the same line');
  tt.equal(isNewlineMissing(open, at(2)), true);
  tt.equal(isNewlineMissing({ ...open, open: false }, at(2)), false);
});

t.test('the longest position fits a cursor', async (t) => {
  const stream = {
    timestamp: '2026-01-01T00:00:00.000000000+00:00',
    taken: Number.MAX_SAFE_INTEGER,
    offset: Number.MAX_SAFE_INTEGER,
    open: true,
  };
  t.ok(renderPosition({ stdout: stream, stderr: stream }).length <= OUTPUT_CURSOR_TEXT_MAX);
});
