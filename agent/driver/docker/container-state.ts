/**
 * What the engine says of a container, as the driver port says it. Pure.
 */
import type Docker from 'dockerode';
import type { PortMapping } from '../../../proto/domain/job.ts';
import type { DriverExit, DriverTask, StartedTask } from '../../core/driver-port.ts';

const SIGNAL_MAX = 64;

/** Engines tell a signal as 128 plus its number, as shells do. */
export function toDriverTask(found: Docker.ContainerInspectInfo): DriverTask {
  const { Status, StartedAt } = found.State;
  const neverStarted = toMilliseconds(StartedAt) === 0;
  switch (Status) {
    case 'running':
    case 'paused':
    case 'restarting':
      return { state: 'running', started: toStarted(found) };
    case 'created':
      return { state: 'created', containerId: found.Id };
    case 'exited':
    case 'dead':
      if (neverStarted) return { state: 'created', containerId: found.Id };
      return { state: 'exited', started: toStarted(found), exit: toExit(found) };
    default:
      return { state: 'unknown', reason: `container is ${Status}` };
  }
}

/** Engines give this status to containers whose end they did not see. */
const UNSEEN_CODE = 255;
/** Signals by which an engine ends its containers. */
const ENDING_SIGNALS = [9, 15];

/** Whether an engine that went away may have made this end: what a task says by a status of its own is its own. */
export function mayBeEngines({ code, signal, outOfMemory }: DriverExit): boolean {
  return !outOfMemory && (ENDING_SIGNALS.includes(signal) || code === UNSEEN_CODE);
}

/**
 * Whether a container began under an earlier life of its engine and ended before this one was up, which is when engines
 * without live-restore end what they ran. Times are of one clock, the host's.
 */
export function endedAcrossEngines(exit: DriverExit, startedAtMs: number, engineUpAtMs: number): boolean {
  return startedAtMs < engineUpAtMs && exit.finishedAtMs <= engineUpAtMs;
}

export function toStarted(found: Docker.ContainerInspectInfo): StartedTask {
  return {
    containerId: found.Id,
    startedAtMs: toMilliseconds(found.State.StartedAt),
    ports: toPorts(found),
  };
}

function toExit(found: Docker.ContainerInspectInfo): DriverExit {
  const { ExitCode, OOMKilled, FinishedAt } = found.State;
  const signal = ExitCode - 128;
  const ended = signal > 0 && signal <= SIGNAL_MAX ? { signal } : { code: ExitCode, signal: 0 };
  return { ...ended, outOfMemory: OOMKilled, finishedAtMs: toMilliseconds(FinishedAt) };
}

/** Bound ports while it runs; what was asked for afterwards, when the engine no longer knows. */
function toPorts(found: Docker.ContainerInspectInfo): readonly PortMapping[] {
  const bound = found.NetworkSettings.Ports ?? {};
  const asked = (found.HostConfig.PortBindings ?? {}) as Record<string, { HostPort?: string }[] | null>;
  const rows = Object.keys({ ...asked, ...bound }).map((name) => {
    const hostPort = Number((bound[name] ?? asked[name])?.[0]?.HostPort ?? 0);
    return { containerPort: Number.parseInt(name, 10), hostPort };
  });
  return rows.filter(({ hostPort }) => hostPort > 0).sort((a, b) => a.containerPort - b.containerPort);
}

/** 0 for the year 1, which is how engines write "never". */
function toMilliseconds(text: string): number {
  return Math.max(0, Date.parse(text) || 0);
}
