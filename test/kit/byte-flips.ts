/**
 * Flips single bits in the files of a store and says what came of it: told, or without any effect. A third outcome,
 * a store that serves something else without a word, is what must never be.
 */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreBackup } from '../../controller/store/restore.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Rng } from '../../proto/ports/index.ts';
import { T0_MS } from './builders.ts';
import { type FlipOutcome, openFlipJudge } from './flip-judge.ts';

/** Which files are of one kind, relative to the data folder. */
export const FLIPPED_KINDS: Readonly<Record<string, RegExp>> = {
  table: /^log\/\d+\.ldb$/,
  'write-ahead log': /^log\/\d+\.log$/,
  manifest: /^log\/MANIFEST-\d+$/,
  current: /^log\/CURRENT$/,
  witness: /^head\.witness$/,
  'key file': /^secrets\.key$/,
  'data key': /^secret-keys\/sec_/,
  snapshot: /^snapshots\/[0-9a-f]+\.snapshot$/,
};

export interface FlipTally {
  detected: number;
  harmless: number;
  /** What was flipped and what was served instead. */
  readonly wrong: string[];
}

/** Files of a kind below `folder`. */
export async function filesOf(folder: string, kind: RegExp): Promise<readonly string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => kind.test(path))
    .sort();
}

/** Flips `count` bits, one at a time, each in a fresh copy of `folder`. */
export async function flipInStore(
  folder: string,
  kind: RegExp,
  count: number,
  rng: Rng,
  stateHash: string,
): Promise<FlipTally> {
  const files = (await filesOf(folder, kind)).filter((path) => path !== '');
  if (files.length === 0) throw new Error(`there is no file of kind ${kind.source}`);
  const tally: FlipTally = { detected: 0, harmless: 0, wrong: [] };
  const judge = openFlipJudge();
  try {
    for (let turn = 0; turn < count; turn++) {
      const copy = await mkdtemp(join(tmpdir(), 'nabla-flip-'));
      try {
        await cp(folder, copy, { recursive: true });
        const path = files[rng.integer(files.length)]!;
        const where = await flipOne(join(copy, path), rng);
        note(tally, await judge.ask(copy, stateHash), `${path} ${where}`);
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    }
  } finally {
    await judge.close();
  }
  return tally;
}

export async function flipInBackup(
  file: string,
  count: number,
  rng: Rng,
  stateHash: string,
): Promise<FlipTally> {
  const tally: FlipTally = { detected: 0, harmless: 0, wrong: [] };
  const base = await mkdtemp(join(tmpdir(), 'nabla-flip-'));
  try {
    for (let turn = 0; turn < count; turn++) {
      const copy = join(base, `${turn}.backup`);
      await cp(file, copy);
      const where = await flipOne(copy, rng);
      note(tally, await judgeBackup(copy, join(base, `restored-${turn}`), stateHash), `backup ${where}`);
    }
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  return tally;
}

async function flipOne(path: string, rng: Rng): Promise<string> {
  const bytes = await readFile(path);
  const at = rng.integer(bytes.length);
  const bit = rng.integer(8);
  bytes[at]! ^= 1 << bit;
  await writeFile(path, bytes);
  return `byte ${at} of ${bytes.length}, bit ${bit}`;
}

function note(tally: FlipTally, { verdict, how }: FlipOutcome, what: string): void {
  if (verdict === 'served wrong') tally.wrong.push(`${what}: ${how}`);
  else tally[verdict] += 1;
}

async function judgeBackup(file: string, folder: string, stateHash: string): Promise<FlipOutcome> {
  try {
    const report = await restoreBackup({ file, folder, nowMs: T0_MS });
    return report.stateHash === stateHash
      ? { verdict: 'harmless', how: '' }
      : { verdict: 'served wrong', how: 'another state' };
  } catch (error) {
    if (!isClusterError(error))
      return { verdict: 'served wrong', how: `an error of no kind: ${String(error)}` };
    return { verdict: 'detected', how: error.code };
  }
}
