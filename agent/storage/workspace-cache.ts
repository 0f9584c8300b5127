/**
 * Workspace archives on this host, by content: fetched once however many tasks ask, resumed after a break,
 * verified before anybody sees them, and dropped by age of use when they take too much room.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ProjectId } from '../../proto/domain/ids.ts';
import { ClusterError, isClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Rng } from '../../proto/ports/index.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import { chooseDelayMs } from '../core/backoff.ts';
import type { ControllerHttp } from './controller-http.ts';

/** Archives kept for further attempts and jobs. */
export const CACHE_BYTES_MAX = 10 * 1024 * 1024 * 1024;
/** Tries of one download, each from where the last one broke. */
const TRIES_MAX = 8;
const RETRY = { firstMs: 200, capMs: 5_000 };

export interface WorkspaceBlob {
  readonly projectId: ProjectId;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface WorkspaceCacheOptions {
  readonly folder: string;
  readonly http: ControllerHttp;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly bytesMax?: number;
}

export interface WorkspaceCache {
  /**
   * Runs `use` with the path of the verified archive, which stays there meanwhile.
   *
   * @throws ClusterError WORKSPACE_NOT_FOUND, WORKSPACE_CORRUPT, WORKSPACE_FETCH_FAILED, DISK_FULL
   */
  with<T>(
    blob: WorkspaceBlob,
    onProgress: (bytes: number) => void,
    signal: AbortSignal,
    use: (file: string) => Promise<T>,
  ): Promise<T>;
}

interface Fetching {
  readonly done: Promise<string>;
  readonly abort: AbortController;
  /** Progress listeners of the tasks that wait. */
  readonly waiting: Set<(bytes: number) => void>;
}

export function createWorkspaceCache(options: WorkspaceCacheOptions): WorkspaceCache {
  const fetches = new Map<string, Fetching>();
  const inUse = new Map<string, number>();

  function share(blob: WorkspaceBlob): Fetching {
    const known = fetches.get(blob.sha256);
    if (known !== undefined) return known;
    const abort = new AbortController();
    const waiting = new Set<(bytes: number) => void>();
    const tell = (bytes: number): void => {
      for (const listener of waiting) listener(bytes);
    };
    const done = fetchArchive(options, blob, tell, abort.signal).finally(() => fetches.delete(blob.sha256));
    // Every waiter may have gone; then nobody else listens.
    done.catch(() => undefined);
    const fetching = { done, abort, waiting };
    fetches.set(blob.sha256, fetching);
    return fetching;
  }

  async function waitFor(
    blob: WorkspaceBlob,
    listen: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const fetching = share(blob);
    fetching.waiting.add(listen);
    try {
      return await raceAbort(fetching.done, signal);
    } finally {
      fetching.waiting.delete(listen);
      // The last one to leave ends the download; what was fetched of it stays for the next.
      if (fetching.waiting.size === 0) fetching.abort.abort();
    }
  }

  return {
    async with(blob, onProgress, signal, use) {
      const { sha256 } = blob;
      // Held before the look, so that the sweep of another task cannot take it in between.
      inUse.set(sha256, (inUse.get(sha256) ?? 0) + 1);
      try {
        return await use(await waitFor(blob, onProgress, signal));
      } finally {
        const users = (inUse.get(sha256) ?? 1) - 1;
        if (users > 0) inUse.set(sha256, users);
        else inUse.delete(sha256);
        await dropOldest(options, inUse);
      }
    },
  };
}

function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelled());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function cancelled(): ClusterError {
  return new ClusterError('cancelled', 'WORKSPACE_FETCH_CANCELLED', 'the workspace is wanted no more');
}

/** The verified file, fetched if it is not there. */
async function fetchArchive(
  options: WorkspaceCacheOptions,
  blob: WorkspaceBlob,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const whole = join(options.folder, `${blob.sha256}.zip`);
  const part = join(options.folder, `${blob.sha256}.part`);
  try {
    if (await touch(whole, options.clock.nowMs())) return whole;
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    await download(options, blob, part, { onProgress, signal });
    await verify(part, blob);
    await rename(part, whole);
    return whole;
  } catch (error) {
    throw isClusterError(error) ? error : toFileError(error, part);
  }
}

/** Marks the file as used now; false when it is not there. */
async function touch(path: string, nowMs: number): Promise<boolean> {
  try {
    await utimes(path, nowMs / 1000, nowMs / 1000);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

interface DownloadHooks {
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

async function download(
  options: WorkspaceCacheOptions,
  blob: WorkspaceBlob,
  part: string,
  hooks: DownloadHooks,
): Promise<void> {
  for (let failures = 0; ; ) {
    try {
      await downloadRest(options.http, blob, part, hooks);
      return;
    } catch (error) {
      const told = toClusterError(error);
      if (told.kind !== 'unavailable' || hooks.signal.aborted) throw toFetchError(told);
      failures += 1;
      if (failures >= TRIES_MAX) throw toFetchError(told);
      const delayMs = chooseDelayMs(failures, RETRY, options.rng);
      await new Promise<void>((resolve) => void options.clock.after(delayMs, resolve));
    }
  }
}

function toFetchError(error: ClusterError): ClusterError {
  if (error.kind === 'not-found' || error.kind === 'gone') {
    return new ClusterError('not-found', 'WORKSPACE_NOT_FOUND', 'the workspace is not stored any more', {
      hint: 'upload the workspace again',
      cause: error,
    });
  }
  if (error.kind !== 'unavailable' && error.kind !== 'deadline') return error;
  if (error.code === 'DISK_FULL') return error;
  return new ClusterError('unavailable', 'WORKSPACE_FETCH_FAILED', 'the workspace could not be fetched', {
    hint: 'check the network between agent and controller',
    details: { reason: error.code },
    cause: error,
  });
}

async function downloadRest(
  http: ControllerHttp,
  blob: WorkspaceBlob,
  part: string,
  { onProgress, signal }: DownloadHooks,
): Promise<void> {
  const heldBytes = await sizeOf(part);
  if (heldBytes >= blob.sizeBytes && heldBytes > 0) return;
  const path = `/v1/agent/workspaces/${blob.projectId}/${blob.sha256}`;
  const answer = await http.get(path, heldBytes > 0 ? { range: `bytes=${heldBytes}-` } : {}, signal);
  if (answer.status === 416) {
    answer.body.resume();
    return;
  }
  const from = answer.status === 206 ? heldBytes : 0;
  const file = await open(part, from > 0 ? 'r+' : 'w', 0o600);
  try {
    let at = from;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      if (at + chunk.length > blob.sizeBytes) throw corrupt('it is larger than it should be');
      await file.write(chunk, 0, chunk.length, at);
      at += chunk.length;
      onProgress(at);
    }
    if (at < blob.sizeBytes) throw broken();
  } catch (error) {
    throw isClusterError(error) ? error : isFileFailure(error) ? toFileError(error, part) : broken(error);
  } finally {
    await file.close();
  }
}

function isFileFailure(error: unknown): boolean {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === 'write' || syscall === 'open';
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** A wrong archive is dropped, so that the next try begins anew. */
async function verify(part: string, blob: WorkspaceBlob): Promise<void> {
  const hash: Hash = createHash('sha256');
  await pipeline(createReadStream(part), hash);
  if (hash.digest('hex') === blob.sha256) return;
  await rm(part, { force: true });
  throw corrupt('its checksum is wrong');
}

function corrupt(reason: string): ClusterError {
  return new ClusterError('corrupt', 'WORKSPACE_CORRUPT', `the workspace was fetched but ${reason}`, {
    hint: 'upload the workspace again',
  });
}

function broken(cause?: unknown): ClusterError {
  return new ClusterError('unavailable', 'WORKSPACE_FETCH_FAILED', 'the download broke off', { cause });
}

async function dropOldest(options: WorkspaceCacheOptions, inUse: ReadonlyMap<string, number>): Promise<void> {
  const bytesMax = options.bytesMax ?? CACHE_BYTES_MAX;
  const names = await readdir(options.folder).catch(() => []);
  const files: {
    readonly path: string;
    readonly sha256: string;
    readonly size: number;
    readonly usedAtMs: number;
  }[] = [];
  for (const name of names) {
    const path = join(options.folder, name);
    // Files of other sweeps vanish in between.
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) {
      files.push({ path, sha256: name.replace(/\..*$/, ''), size: found.size, usedAtMs: found.mtimeMs });
    }
  }
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const file of files.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (bytes <= bytesMax) return;
    if (inUse.has(file.sha256)) continue;
    await rm(file.path, { force: true });
    bytes -= file.size;
  }
}
