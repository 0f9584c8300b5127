/** Aim: a full disk and LevelDB's words are told as what they are. Method: tables and fakes. */
import t from 'tap';
import {
  createDiskGuard,
  DISK_LIMITS,
  isGrowing,
  judgeSpace,
} from '../../../../controller/store/disk-guard.ts';
import { fromLevelError } from '../../../../controller/store/level-error.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

t.test('each word of LevelDB has its meaning', async (t) => {
  const wrapped = (code: string, message: string): Error =>
    new Error('Database failed to open', { cause: Object.assign(new Error(message), { code }) });
  const cases: readonly (readonly [Error, string])[] = [
    [wrapped('LEVEL_LOCKED', 'IO error: lock x/LOCK: already held by process'), 'DATA_FOLDER_IN_USE'],
    [wrapped('LEVEL_CORRUPTION', 'Corruption: bad block'), 'STORE_DAMAGED'],
    [wrapped('LEVEL_IO_ERROR', 'IO error: x/000003.log: No space left on device'), 'DISK_FULL'],
    [wrapped('LEVEL_IO_ERROR', 'IO error: x/LOCK: Permission denied'), 'DATA_FOLDER_NOT_WRITABLE'],
    [wrapped('LEVEL_IO_ERROR', 'IO error: x: Input/output error'), 'STORE_FAILED'],
  ];
  for (const [error, code] of cases) {
    t.match(fromLevelError(error, '/data/log'), { code, hint: '/data/log', cause: error });
  }
  t.match(fromLevelError('what', '/data/log'), { code: 'STORE_FAILED' });
});

const GIB = 1024 ** 3;

t.test('two rungs: what grows is refused first, then everything', (t) => {
  const judge = (freeBytes: number, sizeBytes = 100 * GIB) =>
    judgeSpace({ freeBytes, sizeBytes }, DISK_LIMITS);
  t.equal(judge(2 * GIB), 'roomy', 'at the bound there is room');
  t.equal(judge(2 * GIB - 1), 'low');
  t.equal(judge(GIB / 2), 'low');
  t.equal(judge(GIB / 2 - 1), 'full');
  t.equal(judge(GIB, 10 * GIB), 'roomy', 'of a small disk a tenth is enough');
  t.equal(judge(GIB - 1, 10 * GIB), 'low');
  t.ok(isGrowing('create-job'));
  for (const type of ['stop-job', 'delete-job', 'observe-tasks', 'place-jobs'])
    t.notOk(isGrowing(type), type);
  t.end();
});

t.test('the disk guard looks once a second and remembers what it saw', async (t) => {
  const clock = createSimClock();
  let freeBytes = 3 * GIB;
  let looks = 0;
  const changes: string[] = [];
  const guard = createDiskGuard({
    folder: '/data',
    clock,
    measure: async () => {
      looks += 1;
      if (freeBytes < 0) throw new Error('gone');
      return { freeBytes, sizeBytes: 100 * GIB };
    },
    onChange: (state) => changes.push(state),
  });
  const look = async (growing: boolean) => {
    clock.advance(1000);
    guard.objection(growing);
    await new Promise((resolve) => setImmediate(resolve));
    return guard.objection(growing);
  };
  t.equal(await look(true), undefined);
  freeBytes = GIB;
  t.equal(guard.objection(true), undefined, 'within the second the old answer stands');
  t.match(await look(true), { kind: 'unavailable', code: 'DISK_LOW', hint: /data/ });
  t.equal(guard.objection(false), undefined, 'a stop needs less room than a submit');
  freeBytes = 1;
  t.match(await look(false), { kind: 'unavailable', code: 'DISK_FULL', retryAfterMs: 5000, hint: /data/ });
  freeBytes = -1;
  t.match(await look(false), { code: 'DISK_FULL' }, 'a disk that cannot be asked changes nothing');
  freeBytes = 3 * GIB;
  t.equal(await look(true), undefined);
  t.equal(looks, 5);
  t.same(changes, ['low', 'full', 'roomy']);
});
