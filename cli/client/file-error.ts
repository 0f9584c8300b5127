/**
 * Translates failures of the file system into errors that say what to do.
 */
import { ClusterError, type ErrorKind, isClusterError } from '../../proto/errors/cluster-error.ts';

interface Row {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const ROWS: Readonly<Record<string, Row>> = {
  ENOENT: {
    kind: 'not-found',
    code: 'FILE_NOT_FOUND',
    message: 'no such file or folder',
    hint: 'check the path',
  },
  EACCES: {
    kind: 'forbidden',
    code: 'FILE_NOT_ALLOWED',
    message: 'the file may not be used by this user',
    hint: 'change its permissions or run as its owner',
  },
  EPERM: {
    kind: 'forbidden',
    code: 'FILE_NOT_ALLOWED',
    message: 'the file may not be used by this user',
    hint: 'change its permissions or run as its owner',
  },
  EEXIST: {
    kind: 'exists',
    code: 'FILE_EXISTS',
    message: 'the file exists already',
    hint: 'choose another name or remove it',
  },
  EISDIR: { kind: 'invalid', code: 'FILE_IS_FOLDER', message: 'the path is a folder', hint: 'name a file' },
  ENOTDIR: {
    kind: 'invalid',
    code: 'FILE_NOT_FOLDER',
    message: 'a part of the path is not a folder',
    hint: 'name a folder',
  },
  ENOSPC: {
    kind: 'unavailable',
    code: 'DISK_FULL',
    message: 'the disk is full',
    hint: 'free some space and try again',
  },
  EROFS: {
    kind: 'forbidden',
    code: 'FILE_NOT_ALLOWED',
    message: 'the file system is read-only',
    hint: 'choose another folder',
  },
  ENAMETOOLONG: {
    kind: 'invalid',
    code: 'FILE_NAME_TOO_LONG',
    message: 'the file name is too long',
    hint: 'choose a shorter name',
  },
  ELOOP: {
    kind: 'invalid',
    code: 'FILE_LINK_LOOP',
    message: 'the path goes round in symbolic links',
    hint: 'remove one of the links',
  },
};

/** The error for a failed file operation on `path`; errors of other kinds come back unchanged. */
export function toFileError(error: unknown, path: string): unknown {
  if (isClusterError(error)) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const row = typeof code === 'string' ? ROWS[code] : undefined;
  if (row === undefined) return error;
  return new ClusterError(row.kind, row.code, row.message, {
    hint: row.hint,
    details: { path },
    cause: error,
  });
}
