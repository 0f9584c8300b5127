/**
 * Refusals of the blob store, and the file system's errors in its words.
 */
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';

/** A full disk is said in the store's words; the rest as file-error says, with the key instead of the path. */
export function toBlobError(error: unknown, key: string): ClusterError {
  if (isClusterError(error)) return error;
  const translated = toFileError(error, key);
  if (translated.code !== 'DISK_FULL') return translated;
  return new ClusterError('unavailable', 'DISK_FULL', 'the disk of the controller is full', {
    hint: 'free some space in the data folder of the controller and try again',
    details: { key },
    cause: error,
  });
}

export function blobNotFound(key: string): ClusterError {
  return new ClusterError('not-found', 'BLOB_NOT_FOUND', 'no such file is stored', {
    hint: 'list what is stored and check the name',
    details: { key },
  });
}

export function blobTooLarge(key: string, sizeMax: number): ClusterError {
  return new ClusterError('invalid', 'BLOB_TOO_LARGE', 'the file is too large', {
    hint: `store at most ${sizeMax} bytes`,
    details: { key, sizeMax: String(sizeMax) },
  });
}

export function sizeMismatch(key: string, wanted: number, found: number): ClusterError {
  return new ClusterError('invalid', 'SIZE_MISMATCH', 'the content is not as long as announced', {
    hint: 'send the whole file again',
    details: { key, wanted: String(wanted), found: String(found) },
  });
}

export function sha256Mismatch(key: string): ClusterError {
  return new ClusterError('invalid', 'SHA256_MISMATCH', 'the content does not match its sha256', {
    hint: 'send the file again; it changed or was damaged on the way',
    details: { key },
  });
}

export function rangeInvalid(key: string, sizeBytes: number): ClusterError {
  return new ClusterError('invalid', 'RANGE_INVALID', 'the range lies beyond the end of the file', {
    hint: `the file has ${sizeBytes} bytes`,
    details: { key, sizeBytes: String(sizeBytes) },
  });
}
