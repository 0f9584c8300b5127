/**
 * Brings the outputs of tasks to the controller: while a task runs, what has stopped changing; at its end,
 * everything. What cannot be stored is told and never fails the job; what the job removes stays stored.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { type ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Rng } from '../../proto/ports/index.ts';
import { chooseDelayMs } from '../core/backoff.ts';
import type { OutputShortfall } from '../core/storage-port.ts';
import {
  type ArtifactLimits,
  type ArtifactScan,
  DEFAULT_ARTIFACT_LIMITS,
  type FoundArtifact,
  openArtifact,
  scanArtifacts,
} from './artifact-scan.ts';
import type { ControllerHttp } from './controller-http.ts';

/** Files of one task on their way at once. */
const UPLOADS_AT_ONCE = 4;
/** Tries per file at the end of a task; about a minute in all. */
const TRIES_MAX = 8;
const RETRY = { firstMs: 250, capMs: 15_000 };

export interface ArtifactUploadOptions {
  readonly http: ControllerHttp;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly limits?: ArtifactLimits;
}

export interface ArtifactUpload {
  /** One look while the task runs: uploads what is as it was at the last look. One try per file. */
  uploadStable(key: TaskKey, root: string, signal: AbortSignal): Promise<readonly OutputShortfall[]>;
  /** Uploads all that is not stored yet, with retries. Never throws. */
  uploadAll(key: TaskKey, root: string, signal: AbortSignal): Promise<readonly OutputShortfall[]>;
  /** Drops what is remembered of the task. */
  forget(key: TaskKey): void;
}

interface Remembered {
  /** Identity of the content last stored, by path. */
  readonly stored: Map<string, string>;
  /** Identity at the last look, by path. */
  seen: Map<string, string>;
  busy: Promise<unknown>;
}

export function createArtifactUpload(options: ArtifactUploadOptions): ArtifactUpload {
  const limits = options.limits ?? DEFAULT_ARTIFACT_LIMITS;
  const tasks = new Map<string, Remembered>();

  function remember(key: TaskKey): Remembered {
    const name = toTaskName(key);
    const known = tasks.get(name) ?? { stored: new Map(), seen: new Map(), busy: Promise.resolve() };
    tasks.set(name, known);
    return known;
  }

  /** Looks and uploads of one task never run side by side. */
  function inTurn<T>(task: Remembered, work: () => Promise<T>): Promise<T> {
    const done = task.busy.then(work);
    task.busy = done.catch(() => undefined);
    return done;
  }

  async function upload(
    key: TaskKey,
    root: string,
    chosen: readonly FoundArtifact[],
    { triesMax, signal }: { readonly triesMax: number; readonly signal: AbortSignal },
  ): Promise<readonly ClusterError[]> {
    const { stored } = remember(key);
    const failures: ClusterError[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let one = chosen[next++]; one !== undefined && !signal.aborted; one = chosen[next++]) {
        const failure = await tryUpload(options, { key, root, artifact: one, triesMax, signal });
        if (failure === undefined) stored.set(one.path, one.identity);
        else if (failure.code !== 'ARTIFACT_CHANGED') failures.push(failure);
      }
    };
    await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, lane));
    return failures;
  }

  return {
    uploadStable(key, root, signal) {
      const task = remember(key);
      return inTurn(task, async () => {
        const scan = await scanArtifacts(root, limits);
        const stable = scan.files.filter(
          ({ path, identity }) => task.seen.get(path) === identity && task.stored.get(path) !== identity,
        );
        task.seen = new Map(scan.files.map(({ path, identity }) => [path, identity]));
        // A failure now is no shortfall yet: the end of the task tries again.
        await upload(key, root, stable, { triesMax: 1, signal });
        return toLimitShortfalls(scan);
      });
    },
    uploadAll(key, root, signal) {
      const task = remember(key);
      return inTurn(task, async () => {
        try {
          const scan = await scanArtifacts(root, limits);
          const missing = scan.files.filter(({ path, identity }) => task.stored.get(path) !== identity);
          const failures = await upload(key, root, missing, { triesMax: TRIES_MAX, signal });
          return [...toLimitShortfalls(scan), ...toFailureShortfalls(failures)];
        } catch (error) {
          return toFailureShortfalls([toClusterError(error)]);
        }
      });
    },
    forget(key) {
      tasks.delete(toTaskName(key));
    },
  };
}

function toLimitShortfalls({ overLimitCount }: ArtifactScan): readonly OutputShortfall[] {
  if (overLimitCount === 0) return [];
  const message = `${overLimitCount} output files are beyond the limits and were not stored`;
  return [{ code: 'ARTIFACTS_NOT_STORED', message }];
}

function toFailureShortfalls(failures: readonly ClusterError[]): readonly OutputShortfall[] {
  const [first] = failures;
  if (first === undefined) return [];
  const message = `${failures.length} output files could not be stored: ${first.message}`;
  return [{ code: 'ARTIFACTS_NOT_STORED', message }];
}

interface OneUpload {
  readonly key: TaskKey;
  readonly root: string;
  readonly artifact: FoundArtifact;
  readonly triesMax: number;
  readonly signal: AbortSignal;
}

/** Undefined when stored. What the controller refuses for good is not tried again. */
async function tryUpload(options: ArtifactUploadOptions, one: OneUpload): Promise<ClusterError | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      await uploadOnce(options.http, one);
      return undefined;
    } catch (error) {
      const failure = toClusterError(error);
      const mayPass = failure.kind === 'unavailable' || failure.kind === 'deadline';
      if (!mayPass || tries >= one.triesMax || one.signal.aborted) {
        if (failure.code !== 'ARTIFACT_CHANGED') {
          options.logger.warn('an output could not be stored', {
            task: toTaskName(one.key),
            code: failure.code,
          });
        }
        return failure;
      }
      const delayMs = chooseDelayMs(tries, RETRY, options.rng);
      await new Promise<void>((resolve) => void options.clock.after(delayMs, resolve));
    }
  }
}

async function uploadOnce(http: ControllerHttp, { key, root, artifact, signal }: OneUpload): Promise<void> {
  const file = await openArtifact(root, artifact);
  try {
    // Twice through the file: the hash goes ahead of the body, so that a broken upload is never taken for whole.
    const sha256 = await hashFile(file, artifact.sizeBytes);
    const path = `/v1/agent/tasks/${toTaskName(key)}/artifacts?path=${encodeURIComponent(artifact.path)}`;
    const headers = { 'nabla-sha256': sha256, 'nabla-modified-ms': String(artifact.modifiedMs) };
    await http.put(path, readFrom(file, artifact.sizeBytes), artifact.sizeBytes, headers, signal);
  } finally {
    await file.close();
  }
}

async function hashFile(file: FileHandle, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readFrom(file, sizeBytes)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The first `sizeBytes` of the file: what was appended since the look is the next look's. */
function readFrom(file: FileHandle, sizeBytes: number): Readable {
  if (sizeBytes === 0) return Readable.from([]);
  return createReadStream('', { fd: file, start: 0, end: sizeBytes - 1, autoClose: false });
}
