/** Engines for tests: over any log, with a clock that stands still and ids in order. */
import type { Command, CommandContext } from '../../controller/core/command.ts';
import type { CommitLog } from '../../controller/store/commit-log.ts';
import { createMemoryLog } from '../../controller/store/memory-log.ts';
import {
  IN_MEMORY,
  type OpenEngineOptions,
  type OpenedEngine,
  openWith,
} from '../../controller/store/open-engine.ts';
import { ID_PREFIXES } from '../../proto/domain/ids.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { IdSource, Logger } from '../../proto/ports/index.ts';
import { aHost, aJobSpec, aPrincipal, jobId, T0_MS } from './builders.ts';
import { createSimClock } from './sim-clock.ts';

export const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silent,
};

/** `prj_000001`, `prj_000002`, … */
export function createCountingIds(): IdSource {
  let count = 0;
  const next = (): string => String(++count).padStart(6, '0');
  return { mint: (kind) => ID_PREFIXES[kind] + next(), token: () => next() };
}

export interface TestEngine {
  readonly engine: OpenedEngine;
  /** Errors the engine wanted the process to die of. */
  readonly fatal: ClusterError[];
}

export function testOptions(folder: string, fatal: ClusterError[] = []): OpenEngineOptions {
  return {
    folder,
    clock: createSimClock(),
    ids: createCountingIds(),
    logger: silent,
    allowVolatileStore: true,
    onFatal: (error) => fatal.push(error),
  };
}

export async function openTestEngine(log: CommitLog = createMemoryLog()): Promise<TestEngine> {
  const fatal: ClusterError[] = [];
  return { engine: await openWith(log, testOptions(IN_MEMORY, fatal), undefined), fatal };
}

export const context: CommandContext = { principal: aPrincipal, nowMs: T0_MS };

export function createJob(
  id: string | number,
  part: Partial<Extract<Command, { type: 'create-job' }>> = {},
): Command {
  const spec = aJobSpec({ waitForHosts: true, name: `n${id}` });
  return { type: 'create-job', id: jobId(id), project: 'default', spec, secrets: [], ...part };
}

export function registerHost(): Command {
  const { id, name, bootId, agentVersion, inventory } = aHost();
  return { type: 'register-host', hostId: id, name, bootId, agentVersion, inventory };
}
