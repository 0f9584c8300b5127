/**
 * Errors of the file system as ClusterErrors: one row per errno, the cause kept, the path in details.
 */
import { ClusterError, type ErrorKind, isClusterError, toClusterError } from '../errors/cluster-error.ts';

interface Row {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const FULL: Row = {
  kind: 'unavailable',
  code: 'DISK_FULL',
  message: 'the disk is full',
  hint: 'free some space on that file system and try again',
};
const DENIED: Row = {
  kind: 'forbidden',
  code: 'FILE_FORBIDDEN',
  message: 'the file may not be read or written',
  hint: 'check its owner and permissions',
};
const EXHAUSTED: Row = {
  kind: 'unavailable',
  code: 'TOO_MANY_FILES',
  message: 'too many files are open',
  hint: 'raise the limit of open files',
};
const NOT_A_FOLDER: Row = {
  kind: 'invalid',
  code: 'NOT_A_FOLDER',
  message: 'a part of the path is not a folder',
  hint: 'check the path',
};

const ROWS: Readonly<Record<string, Row>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: { ...DENIED, code: 'FILE_SYSTEM_READ_ONLY', message: 'the file system is read-only' },
  EMFILE: EXHAUSTED,
  ENFILE: EXHAUSTED,
  ENOENT: {
    kind: 'not-found',
    code: 'FILE_NOT_FOUND',
    message: 'the file does not exist',
    hint: 'check the path',
  },
  EEXIST: {
    kind: 'exists',
    code: 'FILE_EXISTS',
    message: 'the file exists already',
    hint: 'choose another path',
  },
  EISDIR: { kind: 'invalid', code: 'IS_A_FOLDER', message: 'the path is a folder', hint: 'name a file' },
  ENOTDIR: NOT_A_FOLDER,
  ELOOP: { ...NOT_A_FOLDER, code: 'LINK_LOOP', message: 'the path goes round a loop of links' },
  ENAMETOOLONG: {
    kind: 'invalid',
    code: 'PATH_TOO_LONG',
    message: 'the path is too long',
    hint: 'shorten it',
  },
  EIO: {
    kind: 'corrupt',
    code: 'DISK_IO',
    message: 'the disk failed to read or write',
    hint: 'look at the kernel log of this machine',
  },
};

/** A ClusterError passes through; an unknown errno is a bug with the cause kept. */
export function toFileError(error: unknown, path: string): ClusterError {
  if (isClusterError(error)) return error;
  const errno = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  const row = ROWS[errno];
  if (row === undefined) return toClusterError(error);
  const { kind, code, message, hint } = row;
  return new ClusterError(kind, code, message, { hint, details: { path, errno }, cause: error });
}
