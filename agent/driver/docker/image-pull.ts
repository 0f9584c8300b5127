/**
 * Fetching images: one pull per image however many tasks wait for it, with progress for each, given up when nothing
 * moves any more.
 */

import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import type { PullProgress, RegistryLogin } from '../../core/driver-port.ts';
import { startCancelled } from '../driver-error.ts';
import { statusOf, toDockerError, toPullError } from './docker-error.ts';
import type { Engine } from './engine.ts';

/** A pull from which nothing was heard for this long is stuck. */
export const PULL_STALL_MS = 120_000;
/** Longest line of progress; longer ones are not the engine's. */
const LINE_CHARACTERS_MAX = 64 * 1024;
/** An image has at most 127 layers; more ids than this are not layers. */
const LAYERS_MAX = 1024;

type OnProgress = (progress: PullProgress) => void;

export interface ImagePuller {
  /** Resolves when the image is there. @throws ClusterError IMAGE_NOT_FOUND, IMAGE_PULL_DENIED, … */
  ensure(
    image: string,
    login: RegistryLogin | undefined,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
}

interface Pull {
  readonly done: Promise<void>;
  readonly listeners: Set<OnProgress>;
  readonly stop: AbortController;
}

/** `stallMs` is for tests. */
export function createImagePuller(engine: Engine, clock: Clock, stallMs = PULL_STALL_MS): ImagePuller {
  const pulls = new Map<string, Pull>();
  const begin = (name: string, login: RegistryLogin | undefined): Pull => {
    const listeners = new Set<OnProgress>();
    const stop = new AbortController();
    const tell: OnProgress = (progress) => {
      for (const listener of listeners) listener(progress);
    };
    const done = pullImage({ engine, clock, stallMs, name, login, tell, stop });
    const pull = { done, listeners, stop };
    pulls.set(pullKey(name, login), pull);
    const forget = (): void => void pulls.delete(pullKey(name, login));
    done.then(forget, forget);
    return pull;
  };
  return {
    async ensure(image, login, onProgress, signal) {
      const name = withTag(image);
      if (signal.aborted) throw startCancelled();
      if (await isPresent(engine, name)) return;
      const pull = pulls.get(pullKey(name, login)) ?? begin(name, login);
      pull.listeners.add(onProgress);
      try {
        await orAborted(pull.done, signal);
      } finally {
        pull.listeners.delete(onProgress);
        if (pull.listeners.size === 0) pull.stop.abort();
      }
    },
  };
}

/** A name without tag or digest means `latest`; the engine would take it for all tags. */
export function withTag(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? image : `${image}:latest`;
}

/** Whoever may not pull an image must not get it through somebody else's login. */
function pullKey(name: string, login: RegistryLogin | undefined): string {
  return JSON.stringify([name, login?.url, login?.username, login?.password]);
}

export async function isPresent(engine: Engine, name: string): Promise<boolean> {
  try {
    await engine.call(() => engine.docker.getImage(name).inspect());
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

interface PullParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly name: string;
  readonly login: RegistryLogin | undefined;
  readonly tell: OnProgress;
  readonly stop: AbortController;
}

async function pullImage({ engine, clock, stallMs, name, login, tell, stop }: PullParts): Promise<void> {
  let stalled = false;
  const arm = () =>
    clock.after(stallMs, () => {
      stalled = true;
      stop.abort();
    });
  let timer = arm();
  const tally = createTally();
  const authconfig =
    login === undefined
      ? {}
      : { authconfig: { username: login.username, password: login.password, serveraddress: login.url } };
  try {
    const stream = (await engine.docker.pull(name, {
      ...authconfig,
      abortSignal: stop.signal,
    } as never)) as Readable;
    for await (const line of toLines(stream)) {
      timer.cancel();
      timer = arm();
      const event = JSON.parse(line) as PullEvent;
      const failure = event.errorDetail?.message ?? event.error;
      if (failure !== undefined) throw toPullError(failure, name);
      tell(tally.add(event));
    }
  } catch (error) {
    if (stalled) {
      throw new ClusterError('unavailable', 'IMAGE_PULL_STALLED', 'the image stopped arriving', {
        hint: 'check the network between the host and the registry',
        details: { image: name },
        cause: error,
      });
    }
    if (stop.signal.aborted) throw startCancelled();
    const known = toDockerError(error);
    throw known.code === 'DRIVER_UNAVAILABLE' && statusOf(error) !== 0
      ? toPullError(known.details['reason'] ?? '', name)
      : known;
  } finally {
    timer.cancel();
  }
}

interface PullEvent {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** Adds up layers. The total grows while layers are still being announced, and never shrinks. */
export function createTally(): { add(event: PullEvent): PullProgress } {
  const layers = new Map<string, { current: number; total: number }>();
  return {
    add({ id, status = '', progressDetail }) {
      const known = id === undefined ? undefined : layers.get(id);
      if (id !== undefined && status === 'Downloading' && (known !== undefined || layers.size < LAYERS_MAX)) {
        const { current = 0, total = 0 } = progressDetail ?? {};
        layers.set(id, { current, total: Math.max(total, current, known?.total ?? 0) });
      }
      if (known !== undefined && /^(Download complete|Pull complete|Already exists)$/.test(status)) {
        known.current = known.total;
      }
      let bytes = 0;
      let totalBytes = 0;
      for (const { current, total } of layers.values()) {
        bytes += current;
        totalBytes += total;
      }
      return { step: toStep(status), bytes, totalBytes };
    },
  };
}

function toStep(status: string): string {
  if (status.startsWith('Extracting') || status === 'Pull complete') return 'extracting image';
  return 'pulling image';
}

async function* toLines(stream: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX);
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}

async function orAborted(done: Promise<void>, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(startCancelled());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    done.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
