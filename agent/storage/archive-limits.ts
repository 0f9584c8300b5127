/**
 * What an uploaded archive may hold, and the refusals when it holds more (reliability.md S4, S5).
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';

export interface ArchiveLimits {
  readonly entriesMax: number;
  /** Counted while inflating, whatever the headers say. */
  readonly totalBytesMax: number;
  /** Inflated to deflated, once more than `ratioFreeBytes` came out. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
  readonly nameBytesMax: number;
  readonly depthMax: number;
}

export const DEFAULT_ARCHIVE_LIMITS: ArchiveLimits = {
  entriesMax: 50_000,
  totalBytesMax: 2 * 1024 * 1024 * 1024,
  ratioMax: 200,
  ratioFreeBytes: 10 * 1024 * 1024,
  nameBytesMax: 1_024,
  depthMax: 64,
};

/** Names in messages are cut and cleaned: they are the archive's, not ours. */
function show(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 120);
}

/** The archive could reach outside its folder, or is not what it says. */
export function unsafe(reason: string, name = ''): ClusterError {
  return new ClusterError('invalid', 'WORKSPACE_UNSAFE', `the workspace archive is refused: ${reason}`, {
    hint: name === '' ? 'upload the workspace again with the nabla CLI' : `look at the entry ${show(name)}`,
    details: name === '' ? {} : { entry: show(name) },
  });
}

export function tooLarge(reason: string): ClusterError {
  return new ClusterError('invalid', 'WORKSPACE_TOO_LARGE', `the workspace archive is refused: ${reason}`, {
    hint: 'leave out what is not needed with a .nablaignore file',
  });
}

export function corruptArchive(reason: string, cause?: unknown): ClusterError {
  return new ClusterError('invalid', 'WORKSPACE_CORRUPT', `the workspace archive cannot be read: ${reason}`, {
    hint: 'upload the workspace again with the nabla CLI',
    ...(cause === undefined ? {} : { cause }),
  });
}
