/**
 * The port behind which bulk bytes lie: workspaces, logs and artifacts under slash-separated keys. Engines: a
 * directory now, a bucket later; test/conformance/blob-store-contract.ts says what each of them owes.
 */
import type { Readable } from 'node:stream';

export interface BlobStat {
  readonly key: string;
  readonly sizeBytes: number;
  /** 64 characters of lower-case hex over the content. */
  readonly sha256: string;
  /** When the content was last changed at its source, epoch milliseconds. */
  readonly modifiedMs: number;
}

export interface PutOptions {
  /** Refused with BLOB_TOO_LARGE beyond it. */
  readonly sizeMax: number;
  /** Refused with SHA256_MISMATCH when the content has another one. */
  readonly sha256?: string;
  /** Refused with SIZE_MISMATCH when the content has another one. */
  readonly sizeBytes?: number;
  /** Default: now. */
  readonly modifiedMs?: number;
}

/** Bytes `start` up to but not including `end`; `end` absent means to the end of the blob. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface OpenBlob {
  readonly stat: BlobStat;
  /** Reads the asked range. Whoever opened it reads it to its end or destroys it. */
  readonly content: Readable;
}

export interface RemovedBlobs {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Keys are 1 to {@link BLOB_KEY_BYTES_MAX} bytes of segments joined by `/`; no segment is empty, `.` or `..`, and
 * none holds a control character. `a` and `a/b` may both exist. All calls throw `invalid` BLOB_KEY_INVALID for
 * any other key, `unavailable` DISK_FULL without space.
 */
export interface BlobStore {
  /** Stores all of `content` at once and durably, or nothing: readers see the old blob or the new one. */
  put(key: string, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<BlobStat>;
  /** Like put with the content of a local file, which is gone afterwards; cheap on the same file system. */
  adopt(key: string, file: string, known: { readonly sha256: string }): Promise<BlobStat>;
  /** @throws ClusterError not-found BLOB_NOT_FOUND; invalid RANGE_INVALID when it starts beyond the end */
  open(key: string, range?: ByteRange): Promise<OpenBlob>;
  stat(key: string): Promise<BlobStat | undefined>;
  /** Every blob below `prefix` (segments, without a slash at the end), in no stated order. */
  list(prefix: string): AsyncIterable<BlobStat>;
  /** Names of the folders right below `prefix`: for finding what belongs to nothing any more. */
  folders(prefix: string): Promise<readonly string[]>;
  /** Removes the blob at `prefix` and every blob below it. Idempotent; gone at once for readers. */
  remove(prefix: string): Promise<RemovedBlobs>;
  /** Removes the blob of this very key and nothing below it. Idempotent. */
  removeOne(key: string): Promise<void>;
  /** Bytes that may still be stored. */
  freeBytes(): Promise<number>;
}

export const BLOB_KEY_BYTES_MAX = 1024;
