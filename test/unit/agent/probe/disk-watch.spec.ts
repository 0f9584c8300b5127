/**
 * Aim: a disk is full below the floor and has room again only well above it and for a while. Method: readings by
 * hand, time by hand.
 */
import t from 'tap';
import {
  DISK_LOOK_EVERY_MS,
  type DiskReading,
  type DiskWatchOptions,
  ROOM_LOOKS,
  readDisk,
  startDiskWatch,
  toDiskFloor,
} from '../../../../agent/probe/disk-watch.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const MIB = 1024 ** 2;
const SERVER_BYTES = 1024 * 1024 * MIB;

interface Scene {
  readonly said: boolean[];
  readonly looks: () => number;
  /** The next look finds so many bytes free, or fails. */
  see(free: number | undefined): Promise<void>;
  readonly close: () => void;
  readonly pending: () => number;
}

async function watch(free: number, options: Partial<DiskWatchOptions> = {}): Promise<Scene> {
  const clock = createSimClock();
  const said: boolean[] = [];
  let looks = 0;
  let now: number | undefined = free;
  const read = async (): Promise<DiskReading> => {
    looks += 1;
    if (now === undefined) throw new Error('the disk does not answer');
    return { freeBytes: now, sizeBytes: SERVER_BYTES };
  };
  const started = await startDiskWatch({
    read,
    floorBytes: 256 * MIB,
    clock,
    onChange: (isFull) => void said.push(isFull),
    ...options,
  });
  return {
    said,
    looks: () => looks,
    async see(next) {
      now = next;
      await clock.run(DISK_LOOK_EVERY_MS);
    },
    close: () => started.close(),
    pending: () => clock.pending,
  };
}

t.test('the floor is what is configured, or a hundredth of a small disk', async (t) => {
  t.equal(toDiskFloor(256 * MIB, SERVER_BYTES), 256 * MIB);
  t.equal(toDiskFloor(256 * MIB, 100 * MIB), MIB);
  t.equal(toDiskFloor(0, SERVER_BYTES), 0);
});

t.test('full below the floor, at the first look as at any', async (t) => {
  const scene = await watch(256 * MIB);
  t.same(scene.said, [], 'at the floor there is room');
  await scene.see(256 * MIB - 1);
  await scene.see(0);
  t.same(scene.said, [true], 'said once');
  t.same((await watch(0)).said, [true]);
});

t.test('room again at twice the floor, and not before several looks agree', async (t) => {
  const scene = await watch(0);
  for (let look = 0; look < 10; look += 1) await scene.see(512 * MIB - 1);
  t.same(scene.said, [true], 'just below twice the floor');
  for (let look = 1; look < ROOM_LOOKS; look += 1) await scene.see(512 * MIB);
  await scene.see(1);
  for (let look = 1; look < ROOM_LOOKS; look += 1) await scene.see(512 * MIB);
  t.same(scene.said, [true], 'a relapse begins the count anew');
  await scene.see(512 * MIB);
  t.same(scene.said, [true, false]);
});

t.test('a disk that cannot be asked changes nothing and is asked again', async (t) => {
  const scene = await watch(0);
  await scene.see(undefined);
  t.same(scene.said, [true]);
  for (let look = 0; look < ROOM_LOOKS; look += 1) await scene.see(SERVER_BYTES);
  t.same(scene.said, [true, false]);
});

t.test('without a floor no disk is full; after the close nothing is looked at', async (t) => {
  const scene = await watch(0, { floorBytes: 0 });
  t.same(scene.said, []);
  scene.close();
  const before = scene.looks();
  t.equal(scene.pending(), 0);
  await scene.see(0);
  t.equal(scene.looks(), before);
});

t.test('a real folder has figures', async (t) => {
  const { freeBytes, sizeBytes } = await readDisk(t.testdir());
  t.ok(sizeBytes > 0 && freeBytes >= 0 && freeBytes <= sizeBytes);
});
