/**
 * LevelDB's errors as ours. The binding reports most I/O failures only in words, so words are looked at here and
 * nowhere else.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';

/** `folder` is named in the hint, so that the operator knows which one. */
export function fromLevelError(error: unknown, folder: string): ClusterError {
  const text = textOf(error);
  const options = { details: { folder }, cause: error };
  if (/LEVEL_LOCKED|lock .*(held|temporarily unavailable)/i.test(text)) {
    return new ClusterError(
      'precondition',
      'DATA_FOLDER_IN_USE',
      'the data folder is in use by another controller',
      {
        ...options,
        hint: `stop the controller that uses ${folder}, or name another data folder`,
      },
    );
  }
  if (/ENOSPC|no space left/i.test(text)) {
    return new ClusterError('unavailable', 'DISK_FULL', 'the disk of the data folder is full', {
      ...options,
      hint: `free space on the disk that holds ${folder}, then start the controller again`,
    });
  }
  if (/LEVEL_CORRUPTION|corrupt/i.test(text)) {
    return new ClusterError('corrupt', 'STORE_DAMAGED', 'the store is damaged', {
      ...options,
      hint: `restore a backup of ${folder}`,
    });
  }
  if (/EACCES|EPERM|EROFS|permission denied|read-only file system/i.test(text)) {
    return new ClusterError('precondition', 'DATA_FOLDER_NOT_WRITABLE', 'the data folder cannot be written', {
      ...options,
      hint: `make ${folder} writable for the user that runs the controller`,
    });
  }
  return new ClusterError('unavailable', 'STORE_FAILED', 'the store failed', {
    ...options,
    hint: `check the disk that holds ${folder}`,
  });
}

/** Codes and messages of the error and everything that caused it. */
function textOf(error: unknown): string {
  const parts: string[] = [];
  for (let now = error, depth = 0; now instanceof Error && depth < 8; now = now.cause, depth++) {
    parts.push((now as NodeJS.ErrnoException).code ?? '', now.message);
  }
  return parts.length === 0 ? String(error) : parts.join(' ');
}
