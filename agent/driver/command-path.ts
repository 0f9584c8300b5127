/**
 * Whether a command exists, asked before the start, so that a misspelt program is refused with its name and not
 * reported as a job that failed with 127.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Clock } from '../../proto/ports/index.ts';
import { commandNotFound } from './driver-error.ts';

/** What a command without a slash is looked up in when the task's environment has no PATH. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface CommandPlace {
  /** PATH of the task. */
  readonly path: string;
  /** Working directory as the task sees it. */
  readonly folder: string;
  /** From a path as the task sees it to one of the host. */
  toHost(path: string): string;
}

/** Found programs by the places to look in, so that the usual command costs no look; oldest dropped first. */
const FOUND_MAX = 256;
/** A program that was there so recently is there; should it not be, the task ends with 127. */
const TRUST_MS = 10_000;
const EXECUTE_BITS = 0o111;

export interface CommandFinder {
  /** @throws ClusterError COMMAND_NOT_FOUND, also for what exists but cannot be run */
  check(program: string, place: CommandPlace): Promise<void>;
}

export function createCommandFinder(clock: Clock): CommandFinder {
  const found = new Map<string, number>();
  return {
    async check(program, place) {
      // Folders of tasks differ, so they only count where the command is looked for in them.
      const paths = candidates(program, place);
      const name = paths.join('\0');
      const nowMs = clock.monotonicMs();
      const seenAtMs = found.get(name);
      if (seenAtMs !== undefined && nowMs - seenAtMs < TRUST_MS) return;
      found.delete(name);
      for (const candidate of paths) {
        if (!(await isProgram(candidate))) continue;
        if (found.size >= FOUND_MAX) found.delete(found.keys().next().value ?? '');
        found.set(name, nowMs);
        return;
      }
      throw commandNotFound(program);
    },
  };
}

/** Host paths to try, in the order in which execvp(3) would. */
function candidates(program: string, place: CommandPlace): readonly string[] {
  if (program === '') return [];
  const toHost = (path: string): string => place.toHost(resolve(place.folder, path));
  if (program.includes('/')) return [toHost(program)];
  return place.path.split(':').map((folder) => toHost(`${folder === '' ? '.' : folder}/${program}`));
}

/** Whether a path of the host is a file that may be executed. Never throws. */
export async function isProgram(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && (found.mode & EXECUTE_BITS) !== 0;
  } catch {
    return false;
  }
}
