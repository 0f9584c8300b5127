/**
 * Uploads of workspaces that may stop and go on: the bytes of an unfinished one wait in a file of their own, and
 * become a blob only when all are there and their sha256 is the one that the address names.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProjectId } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { makeSecretFolder, SECRET_FILE_MODE } from '../../proto/runtime/durable-file.ts';
import { sha256Mismatch, toBlobError } from '../blobs/blob-error.ts';
import { workspaceKey } from '../blobs/blob-layout.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import { offsetMismatch, uploadDisplaced, workspaceTooLarge } from './upload-error.ts';

/** An unfinished upload that nobody touched for this long is dropped. */
export const UPLOAD_KEPT_MS = 24 * 60 * 60 * 1000;
/** Unfinished uploads kept at once; beyond it the one untouched longest goes. */
export const UPLOADS_MAX = 128;
/** Space that uploads leave to the log and the blobs of running jobs. */
export const FREE_BYTES_RESERVED = 256 * 1024 * 1024;
/** How long a look waits for an upload under way to end, before it tells the bytes of the moment. */
const SETTLE_TIMEOUT_MS = 500;
const PART = '.part';

export interface UploadTarget {
  readonly projectId: ProjectId;
  readonly sha256: string;
}

export interface UploadPiece {
  /** Where in the archive the body begins. */
  readonly offset: number;
  /** Of the whole archive. */
  readonly lengthBytes: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface WorkspaceUploads {
  /** Size when stored whole, else the bytes already held. */
  look(target: UploadTarget): Promise<{ readonly stored: boolean; readonly bytes: number }>;
  /**
   * Appends the body and returns the bytes now held. A newer piece displaces one still under way: its connection
   * is most likely a dead one.
   *
   * @throws ClusterError WORKSPACE_TOO_LARGE, UPLOAD_OFFSET_MISMATCH, UPLOAD_DISPLACED, SHA256_MISMATCH, DISK_FULL
   */
  append(target: UploadTarget, piece: UploadPiece): Promise<number>;
}

export interface WorkspaceUploadsOptions {
  readonly folder: string;
  readonly blobs: BlobStore;
  readonly sizeMax: number;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
}

export async function openWorkspaceUploads(options: WorkspaceUploadsOptions): Promise<WorkspaceUploads> {
  await makeSecretFolder(options.folder);
  const uploads = new FolderUploads(options);
  await uploads.dropOld();
  return uploads;
}

/** The upload under way of one target, and the running hash of the last one that stopped. */
interface Active {
  displace: () => void;
  readonly settled: Promise<unknown>;
}

interface Hashed {
  readonly hash: Hash;
  bytes: number;
}

class FolderUploads implements WorkspaceUploads {
  readonly #options: WorkspaceUploadsOptions;
  readonly #active = new Map<string, Active>();
  readonly #hashes = new Map<string, Hashed>();

  constructor(options: WorkspaceUploadsOptions) {
    this.#options = options;
  }

  async look({ projectId, sha256 }: UploadTarget): Promise<{ stored: boolean; bytes: number }> {
    const blob = await this.#options.blobs.stat(workspaceKey(projectId, sha256));
    if (blob !== undefined) return { stored: true, bytes: blob.sizeBytes };
    await this.#letSettle(partName({ projectId, sha256 }));
    return { stored: false, bytes: (await this.#partBytes(partName({ projectId, sha256 }))) ?? 0 };
  }

  async append(target: UploadTarget, piece: UploadPiece): Promise<number> {
    const { blobs, sizeMax } = this.#options;
    if (piece.lengthBytes > sizeMax) throw workspaceTooLarge(piece.lengthBytes, sizeMax);
    const name = partName(target);
    for (;;) {
      for (let older = this.#active.get(name); older !== undefined; older = this.#active.get(name)) {
        older.displace();
        await older.settled;
      }
      const stored = await blobs.stat(workspaceKey(target.projectId, target.sha256));
      if (stored !== undefined) return stored.sizeBytes;
      // Another piece may have begun during the look. Two that write side by side would leave in the file what
      // neither of their sums covers.
      if (!this.#active.has(name)) break;
    }
    const displaced = new AbortController();
    const work = this.#appendAlone(name, target, piece, displaced.signal);
    const settled = work.catch(() => undefined).finally(() => this.#active.delete(name));
    this.#active.set(name, { displace: () => displaced.abort(), settled });
    return work;
  }

  /** Bytes of a connection that broke may still be on their way to the file; the answer should hold. */
  async #letSettle(name: string): Promise<void> {
    const active = this.#active.get(name);
    if (active === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(SETTLE_TIMEOUT_MS, resolve);
      void active.settled.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async dropOld(): Promise<void> {
    const { folder, clock } = this.#options;
    const parts: { readonly name: string; readonly touchedMs: number }[] = [];
    for (const name of await readdir(folder)) {
      if (!name.endsWith(PART) || this.#active.has(name)) continue;
      parts.push({ name, touchedMs: (await stat(join(folder, name))).mtimeMs });
    }
    parts.sort((a, b) => b.touchedMs - a.touchedMs);
    for (const [index, { name, touchedMs }] of parts.entries()) {
      if (index < UPLOADS_MAX - 1 && clock.nowMs() - touchedMs < UPLOAD_KEPT_MS) continue;
      await this.#drop(name);
    }
  }

  async #appendAlone(
    name: string,
    target: UploadTarget,
    piece: UploadPiece,
    displaced: AbortSignal,
  ): Promise<number> {
    const path = join(this.#options.folder, name);
    const held = await this.#partBytes(name);
    if (held === undefined) await this.dropOld();
    if (piece.offset !== (held ?? 0)) throw offsetMismatch(held ?? 0);
    await this.#requireSpace(piece);
    try {
      const hashed = await this.#hashOf(name, path, held ?? 0);
      const file = await open(path, held === undefined ? 'w+' : 'r+', SECRET_FILE_MODE);
      let bytes: number;
      try {
        bytes = await writePiece(file, piece, hashed, displaced);
      } finally {
        await file.close();
      }
      if (bytes < piece.lengthBytes) return bytes;
      await this.#finish(name, path, target, hashed);
      return bytes;
    } catch (error) {
      throw toBlobError(error, name);
    }
  }

  async #finish(name: string, path: string, target: UploadTarget, { hash }: Hashed): Promise<void> {
    const { projectId, sha256 } = target;
    this.#hashes.delete(name);
    if (hash.digest('hex') !== sha256) {
      await this.#drop(name);
      throw sha256Mismatch(`${projectId}/${sha256}`);
    }
    await this.#options.blobs.adopt(workspaceKey(projectId, sha256), path, { sha256 });
  }

  /** The hash of what is held: remembered while this process lives, else computed anew from the file. */
  async #hashOf(name: string, path: string, held: number): Promise<Hashed> {
    const known = this.#hashes.get(name);
    if (known !== undefined && known.bytes === held) return known;
    const hashed = { hash: createHash('sha256'), bytes: 0 };
    if (held > 0) {
      for await (const chunk of createReadStream(path)) {
        hashed.hash.update(chunk as Buffer);
        hashed.bytes += (chunk as Buffer).length;
      }
    }
    this.#hashes.set(name, hashed);
    if (this.#hashes.size > UPLOADS_MAX) this.#hashes.delete(this.#hashes.keys().next().value as string);
    return hashed;
  }

  async #requireSpace({ lengthBytes, offset }: UploadPiece): Promise<void> {
    const free = await this.#options.blobs.freeBytes();
    if (lengthBytes - offset <= free - FREE_BYTES_RESERVED) return;
    throw new ClusterError('unavailable', 'DISK_FULL', 'the disk of the controller is full', {
      hint: 'free some space in the data folder of the controller and try again',
      details: { neededBytes: String(lengthBytes - offset), freeBytes: String(free) },
    });
  }

  async #partBytes(name: string): Promise<number | undefined> {
    try {
      return (await stat(join(this.#options.folder, name))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw toBlobError(error, name);
    }
  }

  async #drop(name: string): Promise<void> {
    this.#hashes.delete(name);
    await rm(join(this.#options.folder, name), { force: true });
  }
}

function partName({ projectId, sha256 }: UploadTarget): string {
  return `${projectId}.${sha256}${PART}`;
}

/** Writes behind what is held and returns what is held then. Stops between two chunks when displaced. */
async function writePiece(
  file: FileHandle,
  { body, lengthBytes, offset }: UploadPiece,
  hashed: Hashed,
  displaced: AbortSignal,
): Promise<number> {
  let at = offset;
  for await (const chunk of stopWhen(body, displaced)) {
    if (at + chunk.length > lengthBytes) throw workspaceTooLarge(at + chunk.length, lengthBytes);
    for (let written = 0; written < chunk.length; ) {
      const step = await file.write(chunk, written, chunk.length - written, at + written);
      written += step.bytesWritten;
    }
    hashed.hash.update(chunk);
    at += chunk.length;
    hashed.bytes = at;
  }
  return at;
}

/** The body until the signal fires, even while it waits for bytes that a dead connection will never bring. */
async function* stopWhen(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(uploadDisplaced());
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => undefined);
  for (;;) {
    const next = await Promise.race([iterator.next(), stopped]);
    if (next.done === true) return;
    yield next.value;
  }
}
