/**
 * Errors of the journal's database as ClusterErrors: one row per LEVEL_* code that can reach us.
 */
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';

/** A ClusterError passes through. LevelDB tells a full disk only in the text of an I/O error. */
export function toJournalError(error: unknown, path: string): ClusterError {
  if (isClusterError(error)) return error;
  const code = codeOf(error);
  const details = { path, reason: code };
  const text = `${String(error)} ${String((error as { cause?: unknown } | null)?.cause ?? '')}`;
  if (code === 'LEVEL_LOCKED' || codeOf((error as { cause?: unknown } | null)?.cause) === 'LEVEL_LOCKED') {
    return new ClusterError('precondition', 'DATA_FOLDER_LOCKED', 'another agent uses this data folder', {
      hint: 'stop the other agent or give this one a data folder of its own',
      details,
      cause: error,
    });
  }
  if (/No space left|ENOSPC|Disk quota/i.test(text)) {
    return new ClusterError('unavailable', 'DISK_FULL', 'the disk of the data folder is full', {
      hint: 'free some space on that file system and start the agent again',
      details,
      cause: error,
    });
  }
  if (code === 'LEVEL_CORRUPTION' || /Corruption/.test(text)) {
    return new ClusterError('corrupt', 'JOURNAL_CORRUPT', 'the journal of the agent cannot be read', {
      hint: 'move the journal folder away; running tasks are adopted from the driver',
      details,
      cause: error,
    });
  }
  return new ClusterError('unavailable', 'JOURNAL_FAILED', 'the journal of the agent cannot be written', {
    hint: 'look at the disk of the data folder and restart the agent',
    details,
    cause: error,
  });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
