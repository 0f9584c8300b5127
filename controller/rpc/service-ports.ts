/**
 * What the handlers of all services share, and the context that every command is given.
 */
import type { HostId, SecretId } from '../../proto/domain/ids.ts';
import type { Clock, IdSource, Rng } from '../../proto/ports/index.ts';
import type { CallContext } from '../../proto/rpc/call-context.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { CommandContext } from '../core/command.ts';
import type { Engine } from '../core/engine.ts';
import type { Planner } from '../core/planner.ts';
import type { TaskConnections } from '../core/task-connections.ts';
import type { QuestionDesk } from './explain/question-desk.ts';
import type { LiveHosts } from './view/host-view.ts';
import type { FindWaitReason } from './view/job-view.ts';
import type { ChangeHub } from './watch/change-hub.ts';

/** Seals a value for the row of its own. */
export type SealSecret = (id: SecretId, value: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export interface ServicePorts {
  readonly engine: Engine;
  readonly blobs: BlobStore;
  readonly hub: ChangeHub;
  readonly connections: TaskConnections;
  readonly live: LiveHosts;
  /** @throws ClusterError when the host holds back no stop of so many tasks */
  readonly confirmStop: (hostId: HostId, count: number) => void;
  readonly readyHosts: () => ReadonlySet<HostId>;
  readonly waitReason: FindWaitReason;
  /** Plans as the planning loop would, for questions; nothing that it answers is carried out. */
  readonly askPlanner: Planner;
  /** Orders questions about the scheduler. */
  readonly questions: QuestionDesk;
  readonly seal: SealSecret;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly ids: IdSource;
  readonly serverVersion: string;
  readonly httpPort: () => number;
}

export function commandContext(
  { clock }: Pick<ServicePorts, 'clock'>,
  { caller }: CallContext,
): CommandContext {
  return { principal: caller.principal, nowMs: clock.nowMs() };
}
