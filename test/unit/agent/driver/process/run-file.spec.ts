/**
 * Aim: what a wrapper left behind is read right, and half of it never as something else. Method: a table of contents,
 * then every prefix of a whole file.
 */
import t from 'tap';
import {
  CALLED_OFF,
  parseMainLine,
  parseRunFile,
  toExitStatus,
} from '../../../../../agent/driver/process/run-file.ts';

const RECORD =
  '{"version":1,"name":"job_a.1.0","driverFolder":"/d","bootId":"b","startedAtMs":5,"ports":[],"viewed":false,"group":"","workingDirectory":"/","mounts":[]}';
const STAT = `40 (sh) R 39 39 39 0 -1 4194368 26 0 0 0 0 0 0 0 20 0 1 0 209447 2654208 141`;
const HEAD = `${RECORD}\n39 ${STAT}\n`;

t.test('ends are read', async (tt) => {
  const cases: readonly [text: string, status: unknown][] = [
    ['', undefined],
    ['exit=0\n', { code: 0, signal: 0 }],
    ['exit=3\n', { code: 3, signal: 0 }],
    ['exit=143\n', { code: 143, signal: 0 }],
    ['Terminated\nexit=143\n', { signal: 15 }],
    ['Segmentation fault (core dumped)\nexit=139\n', { signal: 11 }],
    ['exit=130\n', { signal: 2 }],
    ['exit=141\n', { signal: 13 }],
    ['signal=9\n', { signal: 9 }],
    ['exit=3', undefined],
  ];
  for (const [text, status] of cases) tt.same(parseRunFile(HEAD + text).status, status, JSON.stringify(text));
});

t.test('a lack of memory stays noted', async (tt) => {
  const file = parseRunFile(`${HEAD}Killed\nexit=137\noom=1\n`);
  tt.equal(file.outOfMemory, true);
  tt.same(file.status, { signal: 9 });
});

t.test('a start that was called off is told from one cut short', async (tt) => {
  tt.equal(parseRunFile(CALLED_OFF).calledOff, true);
  tt.equal(parseRunFile('').calledOff, false);
  tt.equal(parseRunFile(RECORD).record, undefined, 'a line without its end says nothing');
});

t.test('no prefix of a file says anything that the whole does not', async (tt) => {
  const whole = `${HEAD}Terminated\nexit=143\noom=1\n`;
  const last = parseRunFile(whole);
  for (let length = 0; length < whole.length; length++) {
    const part = parseRunFile(whole.slice(0, length));
    if (part.record !== undefined) tt.same(part.record, last.record);
    if (part.main !== undefined) tt.same(part.main, last.main);
    if (part.status !== undefined) tt.same(part.status, last.status);
    tt.equal(part.calledOff, false);
  }
});

t.test('where there is no /proc the wrapper stands for the program', async (tt) => {
  tt.match(parseMainLine('39 '), { pid: 39, groupId: 39, sessionId: 39, startTicks: '0' });
  tt.match(parseMainLine(`39 ${STAT}`), { pid: 40, groupId: 39, sessionId: 39, startTicks: '209447' });
  tt.equal(parseMainLine('nonsense'), undefined);
});

t.test('a status beyond 128 is a signal only when the shell said so', async (tt) => {
  tt.same(toExitStatus(137, false), { code: 137, signal: 0 });
  tt.same(toExitStatus(137, true), { signal: 9 });
  tt.same(toExitStatus(128, true), { code: 128, signal: 0 });
  tt.same(toExitStatus(255, true), { code: 255, signal: 0 }, 'there is no signal 127');
});
