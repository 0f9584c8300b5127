/**
 * Aim: a data folder that this version must not touch is left as it is, with one sentence that says what to do.
 * Method: a folder that a real controller wrote is marked as a newer version's, or damaged, and started again.
 */
import { readdirSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import t from 'tap';
import { encodeRow } from '../../../controller/store/codec.ts';
import { EMPTY_HEAD } from '../../../controller/store/commit-log.ts';
import { startController, stopProcess } from '../../kit/cluster-processes.ts';
import { type ProgramEnd, runController } from './controller-run.ts';

const FREE_PORTS = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];

async function foundAndStop(folder: string): Promise<string> {
  const { process: controller } = await startController(folder);
  await stopProcess(controller);
  return join(folder, 'controller');
}

function startOn(folder: string): Promise<ProgramEnd> {
  return runController(['--data', folder, ...FREE_PORTS]);
}

t.test('a folder of a newer version is refused and left alone', { timeout: 120_000 }, async (t) => {
  const folder = t.testdir({});
  const part = await foundAndStop(folder);
  const head = encodeRow('m/head', { ...EMPTY_HEAD, schemaVersion: 99 });
  const raw = new Level<string, Uint8Array>(join(part, 'log'), { valueEncoding: 'view' });
  await raw.put('m/head', head);
  await raw.close();
  const end = await startOn(folder);
  t.not(end.code, 0);
  t.match(end.text, /the data folder was written by a newer version/);
  t.match(end.text, /start the newer version, or restore a backup/, 'it says what to do');
  await raw.open();
  t.same(Buffer.from((await raw.get('m/head')) ?? []), Buffer.from(head));
  await raw.close();
});

t.test('a damaged folder is refused, and what is damaged is named', { timeout: 120_000 }, async (t) => {
  const folder = t.testdir({});
  const part = await foundAndStop(folder);
  const manifest = readdirSync(join(part, 'log')).find((name) => name.startsWith('MANIFEST'));
  const file = join(part, 'log', manifest ?? '');
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
  await appendFile(file, Buffer.alloc(64, 0xff));
  const end = await startOn(folder);
  t.not(end.code, 0);
  t.match(end.text, /nabla-controller: .*(damaged|corrupt|cannot be)/i);
  t.notMatch(end.text, /at .*\.js:\d+/, 'no stack for a person to read');
});

t.test('a data folder that cannot be one', { timeout: 120_000 }, async (t) => {
  const folder = t.testdir({ file: 'not a folder' });
  const end = await startOn(join(folder, 'file'));
  t.not(end.code, 0);
  t.match(end.text, /nabla-controller: .*(folder|directory)/);
  t.match(end.text, /file/, 'it names the path');
});
