/**
 * The one door to the Docker engine: dockerode with a deadline on every call. A call that runs out of time has no
 * known outcome; it is reported as such and never taken for an answer.
 */
import { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { isDoorShut, statusOf, toDockerError } from './docker-error.ts';

/** An engine under load answers late; one that does not answer in this time is as good as gone. */
export const CALL_TIMEOUT_MS = 30_000;
/** Starting pulls up network, mounts and hooks. */
export const START_TIMEOUT_MS = 120_000;
export const PROBE_TIMEOUT_MS = 3000;

export interface Engine {
  readonly docker: Docker;
  /**
   * Runs one call with a deadline, and with the caller's signal when given.
   *
   * @throws ClusterError as toDockerError; kind `deadline` when the outcome is not known
   */
  call<T>(work: (abortSignal: AbortSignal) => Promise<T>, options?: CallOptions): Promise<T>;
  /**
   * Whether it takes a new connection and answers on it. An engine that was told to end closes its door first, and
   * goes on answering on the connections that it has while it ends its containers. Never rejects.
   */
  knock(): Promise<Door>;
}

/** `shut`: nobody listens, so the engine is not there. `silent`: no answer in time, which a busy engine gives too. */
export type Door = 'open' | 'shut' | 'silent';

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export function createEngine(socketPath: string, callTimeoutMs = CALL_TIMEOUT_MS): Engine {
  const docker = new Docker({ socketPath });
  const anew = new Docker({ socketPath });
  Object.assign((anew as unknown as Modem).modem, { agent: new Agent({ keepAlive: false }) });
  return {
    docker,
    async knock() {
      const abortSignal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      const ping = openStream(anew, { method: 'GET', path: '/_ping?', options: {}, abortSignal });
      return await orAborted(ping, abortSignal).then(
        (answer) => {
          answer.destroy();
          return 'open';
        },
        (error: unknown) => (isDoorShut(error) ? 'shut' : statusOf(error) > 0 ? 'open' : 'silent'),
      );
    },
    async call(work, { timeoutMs = callTimeoutMs, signal } = {}) {
      const deadline = AbortSignal.timeout(timeoutMs);
      const both = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
      try {
        both.throwIfAborted();
        return await orAborted(work(both), both);
      } catch (error) {
        throw toDockerError(error, { timedOut: deadline.aborted, aborted: signal?.aborted === true });
      }
    },
  };
}

export interface StreamRequest {
  readonly method: 'GET' | 'POST';
  /** Ends in `?`; the options become the query. */
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly abortSignal: AbortSignal;
}

/** The part of docker-modem that dockerode builds its own calls on. */
interface Modem {
  readonly modem: {
    dial(request: Readonly<Record<string, unknown>>, done: (error: unknown, stream: Readable) => void): void;
  };
}

/**
 * The answer as it comes. For whatever the engine holds back for long: dockerode gathers other answers whole, and
 * never hears of a connection that breaks within one.
 */
export function openStream(docker: Docker, request: StreamRequest): Promise<Readable> {
  const { modem } = docker as unknown as Modem;
  const statusCodes = { 200: true, 404: 'no such container', 500: 'server error' };
  return new Promise((resolve, reject) => {
    modem.dial({ ...request, isStream: true, statusCodes }, (error, stream) =>
      error === null || error === undefined ? resolve(stream) : reject(error as Error),
    );
  });
}

/** Some calls of dockerode take no signal, and none of them after the answer's head: the wait ends in any case. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Engines make this network anew when they start, unless containers that outlived the last engine are on it. */
const STARTUP_NETWORK = 'bridge';

/** When the engine came up, by its own word; 0 when it has no such network. @throws ClusterError as of the call */
export async function readStartMs(engine: Engine): Promise<number> {
  try {
    const network = engine.docker.getNetwork(STARTUP_NETWORK);
    const { Created } = (await engine.call(() => network.inspect())) as { Created?: string };
    return Date.parse(Created ?? '') || 0;
  } catch (error) {
    if (statusOf(error) === 404) return 0;
    throw error;
  }
}

/**
 * Whether somebody asked the engine to signal the container since it began: the engine itself, which ends its containers
 * before it answers no more, or whoever uses it. @throws ClusterError as of the call
 */
export async function wasKilledThrough(
  engine: Engine,
  { containerId, sinceMs, untilMs }: KillSearch,
): Promise<boolean> {
  const options = {
    since: sinceMs / 1000,
    until: untilMs / 1000,
    filters: JSON.stringify({ container: [containerId], event: ['kill'] }),
  };
  return await engine.call(async (abortSignal) => {
    const answer = await openStream(engine.docker, { method: 'GET', path: '/events?', options, abortSignal });
    // One event is enough, and nothing is kept of what they say.
    for await (const _ of answer) return true;
    return false;
  });
}

export interface KillSearch {
  readonly containerId: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What the driver must know of an engine before it plans a container. */
export interface EngineFacts {
  readonly cpuCount: number;
  readonly hasInit: boolean;
  /** Its default runtime shows GPUs to containers that do not ask. */
  readonly nvidiaByDefault: boolean;
  readonly memoryLimit: boolean;
  readonly pidsLimit: boolean;
  /** Its containers outlive it; any other engine ends them before it ends. */
  readonly liveRestore: boolean;
}

interface EngineReport {
  readonly NCPU?: number;
  readonly InitBinary?: string;
  readonly DefaultRuntime?: string;
  readonly MemoryLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly LiveRestoreEnabled?: boolean;
}

/** @throws ClusterError DRIVER_UNAVAILABLE when no engine answers in time */
export async function readFacts(engine: Engine): Promise<EngineFacts> {
  const report = await engine.call(async () => (await engine.docker.info()) as EngineReport, {
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  return {
    cpuCount: report.NCPU ?? 1,
    hasInit: (report.InitBinary ?? '') !== '',
    nvidiaByDefault: report.DefaultRuntime === 'nvidia',
    memoryLimit: report.MemoryLimit !== false,
    pidsLimit: report.PidsLimit !== false,
    liveRestore: report.LiveRestoreEnabled === true,
  };
}
