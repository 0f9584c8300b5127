/**
 * What the directory engine knows of a blob stands behind its content in the same file, so one rename makes
 * content and description durable together: a description in a file of its own could belong to older content.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';

const MAGIC = 'NBLOB01\n';
const SHA_CHARACTERS = 64;
const NUMBER_CHARACTERS = 16;

/** sha256 | modifiedMs (hex) | sizeBytes (hex) | magic, all ASCII. */
export const BLOB_TRAILER_BYTES = SHA_CHARACTERS + 2 * NUMBER_CHARACTERS + MAGIC.length;

export interface BlobTrailer {
  readonly sha256: string;
  readonly modifiedMs: number;
  readonly sizeBytes: number;
}

export function encodeBlobTrailer(trailer: BlobTrailer): Buffer {
  const hex = (value: number): string => value.toString(16).padStart(NUMBER_CHARACTERS, '0');
  return Buffer.from(trailer.sha256 + hex(trailer.modifiedMs) + hex(trailer.sizeBytes) + MAGIC, 'latin1');
}

/**
 * @param fileBytes size of the whole file
 * @throws ClusterError corrupt BLOB_CORRUPT when the file is cut short or was never one of ours
 */
export function decodeBlobTrailer(bytes: Buffer, fileBytes: number, key: string): BlobTrailer {
  const text = bytes.toString('latin1');
  const sizeBytes = Number.parseInt(text.slice(SHA_CHARACTERS + NUMBER_CHARACTERS, -MAGIC.length), 16);
  if (!text.endsWith(MAGIC) || sizeBytes + BLOB_TRAILER_BYTES !== fileBytes) {
    throw new ClusterError('corrupt', 'BLOB_CORRUPT', 'a stored file is damaged', {
      hint: 'check the disk of the controller, then store the file again',
      details: { key },
    });
  }
  const modifiedMs = Number.parseInt(text.slice(SHA_CHARACTERS, SHA_CHARACTERS + NUMBER_CHARACTERS), 16);
  return { sha256: text.slice(0, SHA_CHARACTERS), modifiedMs, sizeBytes };
}
