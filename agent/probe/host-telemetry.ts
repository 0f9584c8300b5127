/**
 * How busy the host is, by systeminformation. Off every hot path: readings are taken at most once per period,
 * each within a time limit, and a reading that hangs or fails is absent. `graphics()` is never called: it blocks
 * the event loop for as long as the driver hangs, and drops zeros.
 */
import { statfs } from 'node:fs/promises';
import { loadavg } from 'node:os';
import type { HostTelemetry } from '../../proto/domain/catalog.ts';
import type { Clock } from '../../proto/ports/index.ts';

/** Sources of readings; each may be slow, hang or fail. */
export interface HostReadings {
  cpuPercent(): Promise<number>;
  memoryUsedBytes(): Promise<number>;
  diskFreeBytes(): Promise<number>;
  load1(): Promise<number>;
}

export interface HostTelemetryOptions {
  readonly clock: Clock;
  readonly readings: HostReadings;
  /** A second call within this time gets the first one's answer. Default 5 s. */
  readonly everyMs?: number;
  /** Per reading. Default 3 s. */
  readonly timeoutMs?: number;
}

export interface HostTelemetrySource {
  /** The current readings; what could not be read is absent. Never throws. */
  collect(): Promise<HostTelemetry>;
}

const EVERY_MS = 5_000;
const TIMEOUT_MS = 3_000;

/** A source with a cache of one answer and at most one call of each reading under way. */
export function createHostTelemetry(options: HostTelemetryOptions): HostTelemetrySource {
  const { clock, readings } = options;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const cpuPercent = bounded(() => readings.cpuPercent(), clock, timeoutMs);
  const memoryUsedBytes = bounded(() => readings.memoryUsedBytes(), clock, timeoutMs);
  const diskFreeBytes = bounded(() => readings.diskFreeBytes(), clock, timeoutMs);
  const load1 = bounded(() => readings.load1(), clock, timeoutMs);
  let cached: { readonly untilMs: number; readonly answer: Promise<HostTelemetry> } | undefined;

  async function read(): Promise<HostTelemetry> {
    const [cpu, memory, disk, load] = await Promise.all([
      cpuPercent(),
      memoryUsedBytes(),
      diskFreeBytes(),
      load1(),
    ]);
    return {
      ...(cpu === undefined ? {} : { cpuPercent: Math.min(100, Math.max(0, Math.round(cpu * 10) / 10)) }),
      ...(memory === undefined ? {} : { memoryUsedBytes: Math.round(memory) }),
      ...(disk === undefined ? {} : { diskFreeBytes: Math.round(disk) }),
      ...(load === undefined ? {} : { load1: load }),
      sampledAtMs: clock.nowMs(),
    };
  }

  return {
    async collect() {
      if (cached === undefined || clock.monotonicMs() >= cached.untilMs) {
        cached = { untilMs: clock.monotonicMs() + (options.everyMs ?? EVERY_MS), answer: read() };
      }
      return cached.answer;
    },
  };
}

/** The real readings. The library is loaded at first use: it costs start time that commands do not have. */
export function systemReadings(dataFolder: string): HostReadings {
  let library: Promise<typeof import('systeminformation')> | undefined;
  const load = (): Promise<typeof import('systeminformation')> => {
    library ??= import('systeminformation');
    return library;
  };
  return {
    cpuPercent: async () => (await (await load()).currentLoad()).currentLoad,
    // `active`, not `used`: page cache is memory that tasks can have.
    memoryUsedBytes: async () => (await (await load()).mem()).active,
    diskFreeBytes: async () => {
      const { bavail, bsize } = await statfs(dataFolder);
      return bavail * bsize;
    },
    load1: async () => loadavg()[0] ?? Number.NaN,
  };
}

/** The reading or undefined: at the time limit, on failure, on nonsense, and while an earlier one still hangs. */
function bounded(
  read: () => Promise<number>,
  clock: Clock,
  timeoutMs: number,
): () => Promise<number | undefined> {
  let underWay = false;
  return async () => {
    if (underWay) return undefined;
    underWay = true;
    const reading = read()
      .then((value) => (Number.isFinite(value) && value >= 0 ? value : undefined))
      // An absent reading is the whole consequence of a failed one.
      .catch(() => undefined)
      .finally(() => {
        underWay = false;
      });
    let timer = { cancel: (): void => undefined };
    const limit = new Promise<undefined>((resolve) => {
      timer = clock.after(timeoutMs, () => resolve(undefined)) as typeof timer;
    });
    return Promise.race([reading, limit]).finally(() => timer.cancel());
  };
}
