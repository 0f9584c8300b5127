/**
 * Aim: starts that end while they read the store are counted and told, refused after three, and forgotten once one
 * succeeds or the check finds the folder sound. Method: a real folder; processes that mark it and end as the database
 * or an operator would end them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkFolder } from '../../../controller/store/check-folder.ts';
import { OPENING_FILE } from '../../../controller/store/folder-layout.ts';
import { openEngine } from '../../../controller/store/open-engine.ts';
import { OPENINGS_ENDED_MAX } from '../../../controller/store/opening-mark.ts';
import { createLogger, SILENT_LOGGER } from '../../../proto/runtime/logger.ts';
import { createSimClock } from '../../kit/sim-clock.ts';
import { testOptions } from '../../kit/stores-engine.ts';
import { fillStore, withFolder } from '../../kit/stores-folder.ts';

const MODULE = new URL('../../../controller/store/opening-mark.js', import.meta.url).href;

/** A start that gets as far as the store and no further. */
async function endWhileReading(folder: string, signal: 'SIGABRT' | 'SIGKILL'): Promise<void> {
  const logger = '{ warn() {} }';
  const program = `
    const { markOpening } = await import(${JSON.stringify(MODULE)});
    await markOpening(${JSON.stringify(folder)}, ${logger});
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
    t.match(await markOf(folder), /^1 /);
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
