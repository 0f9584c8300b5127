/**
 * The driver's own two small files per task, by which a later agent finds what an earlier one started: `NAME.task`,
 * written before the start, and `NAME.run`, written by the wrapper. All tasks share one folder, so that one watch
 * sees every exit. Nothing secret is in them: no environment, no command.
 */
import { type FSWatcher, watch } from 'node:fs';
import { appendFile, open, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { parseTaskName, type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type { PortMapping } from '../../../proto/domain/job.ts';
import { toFileError } from '../../../proto/runtime/file-error.ts';
import type { Mount } from '../../core/driver-port.ts';
import { CALLED_OFF, parseRunFile, type RunFile } from './run-file.ts';

export interface TaskRecord {
  readonly version: 1;
  readonly name: string;
  readonly driverFolder: string;
  readonly bootId: string;
  readonly startedAtMs: number;
  readonly ports: readonly PortMapping[];
  /** Inside bubblewrap. */
  readonly viewed: boolean;
  /** Under control groups of its own. */
  readonly limited: boolean;
  readonly workingDirectory: string;
  readonly mounts: readonly Mount[];
  readonly graceMs: number;
}

export interface TaskStore {
  runFile(key: TaskKey): string;
  /** False when there is a record of that name already. @throws ClusterError DISK_FULL and other file errors */
  create(key: TaskKey, record: TaskRecord): Promise<boolean>;
  find(key: TaskKey): Promise<TaskRecord | undefined>;
  /** undefined while no wrapper has taken it. */
  readRun(key: TaskKey): Promise<(RunFile & { readonly writtenAtMs: number }) | undefined>;
  /** Takes the run file away from a wrapper that has not begun. False: one has. */
  callOff(key: TaskKey): Promise<boolean>;
  /** Survives the control group, whose counter is gone once the task is. */
  noteOutOfMemory(key: TaskKey): Promise<void>;
  /** Writes down how a task ended whose wrapper could not. */
  writeExit(key: TaskKey, signal: number): Promise<void>;
  list(): Promise<readonly TaskKey[]>;
  remove(key: TaskKey): Promise<void>;
  /** Calls back with the name of a task whose run file changed. May miss changes; callers look again by a clock. */
  watch(onChange: (name: string) => void): () => void;
}

export function createTaskStore(folder: string): TaskStore {
  const taskFile = (key: TaskKey): string => `${folder}/${toTaskName(key)}.task`;
  const runFile = (key: TaskKey): string => `${folder}/${toTaskName(key)}.run`;
  return {
    runFile,
    create: (key, record) => writeExclusively(taskFile(key), `${JSON.stringify(record)}\n`),
    async find(key) {
      const text = await readFile(taskFile(key), 'utf8').catch(() => '');
      return parseRecord(text);
    },
    readRun: (key) => readRunFile(runFile(key)),
    callOff: (key) => writeExclusively(runFile(key), CALLED_OFF),
    async noteOutOfMemory(key) {
      await appendFile(runFile(key), 'oom=1\n');
    },
    async writeExit(key, signal) {
      const text = await readFile(runFile(key), 'utf8').catch(() => '\n');
      const whole = text.endsWith('\n') ? text : `${text}\n`;
      const temporary = `${folder}/${toTaskName(key)}.part`;
      await writeFile(temporary, `${whole}signal=${signal}\n`);
      await rename(temporary, runFile(key));
    },
    async list() {
      const names = await readdir(folder).catch(() => []);
      return names
        .filter((name) => name.endsWith('.task'))
        .flatMap((name) => parseTaskName(name.slice(0, -'.task'.length)) ?? []);
    },
    async remove(key) {
      // The record goes first: a record without its run file would look like a start that is still to come.
      await unlinkIfThere(taskFile(key));
      await unlinkIfThere(runFile(key));
    },
    watch: (onChange) => watchRunFiles(folder, onChange),
  };
}

async function unlinkIfThere(path: string): Promise<void> {
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
      return { ...parseRunFile(await file.readFile('latin1')), writtenAtMs: Math.round(mtimeMs) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw toFileError(error, path);
  }
}

function parseRecord(text: string): TaskRecord | undefined {
  // Without its newline the record was cut off by a crash before the start it announces.
  if (!text.endsWith('\n')) return undefined;
  const record = JSON.parse(text) as TaskRecord;
  return record.version === 1 ? record : undefined;
}

function watchRunFiles(folder: string, onChange: (name: string) => void): () => void {
  let watcher: FSWatcher;
  try {
    watcher = watch(folder, { persistent: false }, (_event, file) => {
      if (file?.endsWith('.run')) onChange(file.slice(0, -'.run'.length));
    });
  } catch {
    // No watches left on this host: the clock finds the exits, only later.
    return () => {};
  }
  watcher.on('error', () => watcher.close());
  return () => watcher.close();
}
