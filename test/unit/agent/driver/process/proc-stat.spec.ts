/**
 * Aim: the fields of /proc/PID/stat are found whatever a process calls itself. Method: a table of lines.
 */
import t from 'tap';
import { isLive, parseProcStat } from '../../../../../agent/driver/process/proc-stat.ts';

const REST = 'S 1 42 43 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 10 11';

t.test('fields are found after any name', async (tt) => {
  for (const name of ['sh', 'a b', 'a) S 9 (b', 'x)', '(', ') ) )', 'new\nline']) {
    const found = parseProcStat(`41 (${name}) ${REST}`);
    tt.same(
      found,
      { pid: 41, state: 'S', parentPid: 1, groupId: 42, sessionId: 43, startTicks: '98765' },
      JSON.stringify(name),
    );
  }
});

t.test('what is not such a line is nothing', async (tt) => {
  for (const line of ['', '41', '41 (sh', '41 (sh) S 1', 'x (sh) S 1 2 3', `0 (sh) ${REST}`]) {
    tt.equal(parseProcStat(line), undefined, JSON.stringify(line));
  }
});

t.test('zombies are not alive', async (tt) => {
  const found = parseProcStat(`41 (sh) ${REST}`);
  if (found === undefined) throw new Error('the line is right');
  tt.equal(isLive(found), true);
  tt.equal(isLive({ ...found, state: 'Z' }), false);
  tt.equal(isLive({ ...found, state: 'X' }), false);
});
