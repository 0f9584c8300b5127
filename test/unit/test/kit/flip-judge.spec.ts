/**
 * Aim: a store that makes its judge abort counts as told, any other end of a judge does not, and the next question is
 * put to a new one. Method: programs that do at each question what its folder says.
 */
import { join } from 'node:path';
import t from 'tap';
import { openFlipJudge } from '../../../kit/flip-judge.ts';

const JUDGE = `process.on('message', ({ folder }) => {
  if (folder === 'abort') process.abort();
  if (folder === 'exit') process.exit(3);
  process.send({ verdict: 'harmless', how: folder });
});`;

t.test('what the end of a judge says', async (t) => {
  const judge = openFlipJudge(join(t.testdir({ 'judge.mjs': JUDGE }), 'judge.mjs'));
  t.teardown(() => judge.close());
  t.same(await judge.ask('sound', ''), { verdict: 'harmless', how: 'sound' });
  t.equal((await judge.ask('abort', '')).verdict, 'detected', 'an assertion of the database');
  t.same(await judge.ask('sound', ''), { verdict: 'harmless', how: 'sound' }, 'another one is started');
  t.equal((await judge.ask('exit', '')).verdict, 'served wrong', 'nobody was told anything');
});
