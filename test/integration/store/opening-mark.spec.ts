/**
 * Aim: starts that end unexplained while they read the store are counted and told, refused after three, and forgotten
 * once one succeeds or the check finds the folder sound; ends for want of memory, time or power, and ends that somebody
 * asked for, do not count; the mark of a start that lives stays its own. Method: a real folder; processes that mark it
 * and end as the database or an operator would end them; a machine that says what is asked of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkFolder } from '../../../controller/store/check-folder.ts';
import { OPENING_FILE } from '../../../controller/store/folder-layout.ts';
import type { MachineFacts } from '../../../controller/store/machine-facts.ts';
import { openEngine } from '../../../controller/store/open-engine.ts';
import {
  beginOpening,
  OPENINGS_ENDED_MAX,
  type Opening,
  ROWS_PER_STEP,
} from '../../../controller/store/opening-mark.ts';
import { createLogger, SILENT_LOGGER } from '../../../proto/runtime/logger.ts';
import { createSimClock } from '../../kit/sim-clock.ts';
import { testOptions } from '../../kit/stores-engine.ts';
import { fillStore, withFolder } from '../../kit/stores-folder.ts';

const MODULE = new URL('../../../controller/store/opening-mark.js', import.meta.url).href;

/** A start that gets as far as the store, reads so many rows of it, and no further. */
async function endWhileReading(folder: string, signal: 'SIGABRT' | 'SIGKILL', rows = 0): Promise<void> {
  const logger = '{ warn() {} }';
  const program = `
    const { beginOpening } = await import(${JSON.stringify(MODULE)});
    const opening = await beginOpening({ folder: ${JSON.stringify(folder)}, logger: ${logger} });
    await opening.reached(${rows});
    process.kill(process.pid, ${JSON.stringify(signal)});
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 });
  const [, endedBy] = (await once(child, 'exit')) as [number | null, string | null];
  if (endedBy !== signal) throw new Error(`ended by ${endedBy}`);
}

const markOf = (folder: string): Promise<string> =>
  readFile(join(folder, OPENING_FILE), 'utf8').catch(() => 'none');

t.test('a start that was killed is told by the next one, and forgotten when that succeeds', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    t.equal(await markOf(folder), 'none');
    await endWhileReading(folder, 'SIGKILL');
    t.match(JSON.parse(await markOf(folder)), { ended: 0, reached: 0, furthest: 0 });
    const lines: string[] = [];
    const logger = createLogger({
      clock: createSimClock(),
      level: 'info',
      process: 'test',
      sink: { write: (line) => lines.push(line) },
    });
    const engine = await openEngine({ ...testOptions(folder), logger });
    t.equal(lines.filter((line) => /the last start ended while it read the store/.test(line)).length, 1);
    t.match(lines.join(''), /nabla admin fsck/);
    t.equal(await markOf(folder), 'none');
    await engine.close();
    for (let n = 0; n <= OPENINGS_ENDED_MAX; n++) {
      await endWhileReading(folder, 'SIGKILL');
      await (await openEngine(testOptions(folder))).close();
    }
  });
});

t.test('three starts that ended are enough, until the check finds the folder sound', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    for (let n = 0; n < OPENINGS_ENDED_MAX; n++) await endWhileReading(folder, 'SIGABRT');
    const wanted = { kind: 'corrupt', code: 'STORE_ENDS_STARTS', hint: /admin fsck .*admin restore/ };
    await t.rejects(openEngine(testOptions(folder)), wanted);
    await t.rejects(openEngine(testOptions(folder)), wanted, 'and stays so');
    t.match(await checkFolder(folder), { ok: true });
    await (await openEngine(testOptions(folder))).close();
  });
});

t.test(
  'what is refused in words is not counted, and a mark that cannot be read counts for none',
  async (t) => {
    await withFolder(async (folder) => {
      await fillStore(folder);
      const engine = await openEngine({ ...testOptions(folder), logger: SILENT_LOGGER });
      await t.rejects(openEngine(testOptions(folder)), { code: 'DATA_FOLDER_IN_USE' });
      t.equal(await markOf(folder), 'none');
      await engine.close();
      await writeFile(join(folder, OPENING_FILE), 'what is this');
      await (await openEngine(testOptions(folder))).close();
      t.equal(await markOf(folder), 'none');
    });
  },
);

/** A machine of which every other process is gone. */
function aMachine(part: { bootId?: string; memoryKills?: number; alive?: boolean } = {}): MachineFacts {
  const { bootId = 'boot-1', memoryKills = 0, alive = false } = part;
  const birthOf = (pid: number): string | undefined => (alive || pid === process.pid ? 'born' : undefined);
  return { bootId: () => bootId, memoryKills: () => memoryKills, birthOf };
}

/** What a start on this machine would leave if it ended now; the mark is made another's. */
async function leaveMark(folder: string, facts: MachineFacts, rows = 0): Promise<void> {
  const opening = await beginOpening({ folder, logger: SILENT_LOGGER, facts });
  await opening.reached(rows);
  const mark = JSON.parse(await markOf(folder)) as object;
  await writeFile(join(folder, OPENING_FILE), JSON.stringify({ ...mark, pid: 999_999 }));
}

const begin = (folder: string, facts: MachineFacts, signal?: AbortSignal): Promise<Opening> =>
  beginOpening({ folder, logger: SILENT_LOGGER, facts, ...(signal === undefined ? {} : { signal }) });

t.test('a start that got further than any before is slow and not damaged', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    for (let n = 1; n <= 6; n++) await endWhileReading(folder, 'SIGKILL', n * ROWS_PER_STEP);
    t.match(JSON.parse(await markOf(folder)), { ended: 0, reached: 6, furthest: 5 });
    for (let n = 0; n < OPENINGS_ENDED_MAX; n++) await endWhileReading(folder, 'SIGABRT', 2 * ROWS_PER_STEP);
    await t.rejects(openEngine(testOptions(folder)), { code: 'STORE_ENDS_STARTS' }, 'no further: it counts');
  });
});

t.test('ends for want of power or memory do not count', async (t) => {
  await withFolder(async (folder) => {
    for (let n = 0; n < 5; n++) await leaveMark(folder, aMachine({ bootId: `boot-${n}` }));
    for (let n = 0; n < 5; n++) await leaveMark(folder, aMachine({ bootId: 'boot-9', memoryKills: n }));
    t.match(JSON.parse(await markOf(folder)), { ended: 0 });
    const plain = aMachine({ bootId: 'boot-9', memoryKills: 4 });
    for (let n = 0; n < OPENINGS_ENDED_MAX - 1; n++) await leaveMark(folder, plain);
    t.match(JSON.parse(await markOf(folder)), { ended: 2 });
    await t.rejects(begin(folder, plain), { code: 'STORE_ENDS_STARTS' });
  });
});

t.test('who is told to end takes its mark along at once and reads no further', async (t) => {
  await withFolder(async (folder) => {
    const ending = new AbortController();
    const opening = await begin(folder, aMachine(), ending.signal);
    t.not(await markOf(folder), 'none');
    ending.abort();
    t.equal(await markOf(folder), 'none');
    await t.rejects(opening.reached(ROWS_PER_STEP), { kind: 'unavailable', code: 'CLOSING' });
    await opening.hold();
    t.equal(await markOf(folder), 'none', 'nor makes another');
    await opening.end();
    await fillStore(folder);
    const { signal } = ending;
    await t.rejects(openEngine({ ...testOptions(folder), signal }), { code: 'CLOSING' });
    t.match(await checkFolder(folder), { ok: true }, 'and the lock is given back');
  });
});

t.test('the mark of a start that lives stays its own', async (t) => {
  await withFolder(async (folder) => {
    await leaveMark(folder, aMachine());
    const theirs = await markOf(folder);
    const second = await begin(folder, aMachine({ alive: true }));
    t.equal(await markOf(folder), theirs);
    await second.end();
    t.equal(await markOf(folder), theirs, 'who was refused the lock leaves it');
    const holder = await begin(folder, aMachine({ alive: true }));
    await holder.hold();
    t.not(await markOf(folder), theirs, 'who has the lock knows better than a process number');
    await holder.end();
    t.equal(await markOf(folder), 'none');
  });
});
