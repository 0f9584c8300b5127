/**
 * Aim: signals are known by the names that people write. Method: a table.
 */
import t from 'tap';
import { signalNumber } from '../../../../agent/driver/signal-name.ts';

t.test('names and numbers', async (tt) => {
  for (const [name, number] of [
    ['TERM', 15],
    ['SIGTERM', 15],
    ['term', 15],
    ['15', 15],
    ['USR1', 10],
    ['KILL', 9],
  ] as const) {
    tt.equal(signalNumber(name), number, name);
  }
  for (const name of ['', 'NOPE', '0', '65', '-9', 'SIG', '9.5']) {
    tt.throws(() => signalNumber(name), { code: 'SIGNAL_UNKNOWN' }, name);
  }
});
