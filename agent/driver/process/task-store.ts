/**
 * One small file per task, `NAME.run`, made by its wrapper, by which a later agent finds what an earlier one started.
 * All are in one folder, so that one watch sees every exit. Whoever makes the file decides: a wrapper runs the task,
 * a driver calls it off.
 */
import { type FSWatcher, watch } from 'node:fs';
import { appendFile, open, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { parseTaskName, type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import { toFileError } from '../../../proto/runtime/file-error.ts';
import { CALLED_OFF, parseRunFile, type RunFile } from './run-file.ts';

export interface TaskStore {
  runFile(key: TaskKey): string;
  /** undefined while no wrapper has taken it. `writtenAtMs` is the time of its last line. */
  read(key: TaskKey): Promise<(RunFile & { readonly writtenAtMs: number }) | undefined>;
  /** Takes the run file away from a wrapper that has not begun. False: one has. */
  callOff(key: TaskKey): Promise<boolean>;
  /** Survives the control group, whose counter is gone once the task is. */
  noteOutOfMemory(key: TaskKey): Promise<void>;
  /** Writes down how a task ended whose wrapper could not. */
  writeExit(key: TaskKey, signal: number): Promise<void>;
  list(): Promise<readonly TaskKey[]>;
  remove(key: TaskKey): Promise<void>;
  /** Calls back with the name of a task whose file changed. May miss changes; callers look again by a clock. */
  watch(onChange: (name: string) => void): () => void;
}

const SUFFIX = '.run';

export function createTaskStore(folder: string): TaskStore {
  const pathOf = (key: TaskKey): string => `${folder}/${toTaskName(key)}${SUFFIX}`;
  return {
    runFile: pathOf,
    read: (key) => readRunFile(pathOf(key)),
    callOff: (key) => writeExclusively(pathOf(key), CALLED_OFF),
    async noteOutOfMemory(key) {
      await appendFile(pathOf(key), 'oom=1\n');
    },
    async writeExit(key, signal) {
      const text = await readFile(pathOf(key), 'latin1');
      const temporary = `${pathOf(key)}.part`;
      // Renamed, so that a crash leaves either the old content or the new.
      await writeFile(temporary, `${text.endsWith('\n') ? text : `${text}\n`}signal=${signal}\n`, 'latin1');
      await rename(temporary, pathOf(key));
    },
    async list() {
      const names = await readdir(folder).catch(() => []);
      return names
        .filter((name) => name.endsWith(SUFFIX))
        .flatMap((name) => parseTaskName(name.slice(0, -SUFFIX.length)) ?? []);
    },
    remove: (key) => unlinkIfThere(pathOf(key)),
    watch: (onChange) => watchRunFiles(folder, onChange),
  };
}

/** Idempotent. @throws ClusterError as of the file system */
export async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw toFileError(error, path);
  }
}

async function writeExclusively(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw toFileError(error, path);
  }
}

async function readRunFile(path: string): Promise<(RunFile & { readonly writtenAtMs: number }) | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { mtimeMs } = await file.stat();
      return { ...parseRunFile(await file.readFile('utf8')), writtenAtMs: Math.round(mtimeMs) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw toFileError(error, path);
  }
}

function watchRunFiles(folder: string, onChange: (name: string) => void): () => void {
  let watcher: FSWatcher;
  try {
    watcher = watch(folder, { persistent: false }, (_event, file) => {
      if (file?.endsWith(SUFFIX)) onChange(file.slice(0, -SUFFIX.length));
    });
  } catch {
    // No watches left on this host: the clock finds the exits, only later.
    return () => {};
  }
  watcher.on('error', () => watcher.close());
  return () => watcher.close();
}
