/**
 * Aim: a stage that cannot be built is told once for each reason, and again when it can. Method: shells that say how
 * their stage went, and starts that are given up before they reach one.
 */
import t from 'tap';
import { createStarter } from '../../../../../agent/driver/process/starter.ts';
import { STAGE_FAILED, STAGE_READY, type Stage } from '../../../../../agent/driver/process/view-stage.ts';
import { createClock } from '../../../../../proto/runtime/clock.ts';
import { SILENT_LOGGER } from '../../../../../proto/runtime/logger.ts';

t.test('what is told of a stage', async (t) => {
  let says = '';
  const told: (string | undefined)[] = [];
  const stage: Stage = {
    get argv() {
      return ['/bin/sh', '-c', '[ "$0" = exit ] && exit; printf "%b\\n" "$0"; exec /bin/sh', says];
    },
    noteBuilt() {},
    isStale: async () => true,
  };
  const warnings: string[] = [];
  const log = { ...SILENT_LOGGER, warn: (text: string) => void warnings.push(text) };
  const starter = createStarter({
    detachment: { kind: 'orphan' },
    stage,
    clock: createClock(),
    log,
    onStageTrouble: (reason) => void told.push(reason),
  });
  // Neither a starter nor its clock keeps a process alive.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => {
    clearInterval(alive);
    starter.close();
  });
  const start = async (text: string): Promise<boolean | undefined> => {
    says = text;
    let staged: boolean | undefined;
    const giveUp = (given: boolean): never => {
      staged = given;
      throw new Error('given up');
    };
    await t.rejects(starter.launch(giveUp), /given up/);
    return staged;
  };

  t.equal(await start(STAGE_READY), true);
  t.same(told, [], 'nothing is told of one that was built');
  t.equal(await start(`${STAGE_FAILED} mount: de\\0007nied`), false, 'a start does without');
  await start(`${STAGE_FAILED} mount: de\\0007nied`);
  t.same(told, ['mount: de nied'], 'once');
  await start(STAGE_FAILED);
  t.match(told.at(-1), /without a word/);
  t.equal(await start(STAGE_READY), true);
  t.same([told.length, told.at(-1)], [3, undefined], 'and that it is over');
  t.equal(await start('exit'), false, 'where its shell ends, a start gets a shell without one');
  t.match(told.at(-1), /ended or said nothing/);
  t.equal(warnings.length, 3);
});
