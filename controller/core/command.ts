/**
 * Commands: what the outside asks of the cluster's state, with everything the decision needs (time, ids,
 * who) as data. `decide` turns one into events or a refusal. Ids inside are minted by the shell.
 */
import type { Capacity, Inventory } from '../../proto/domain/catalog.ts';
import type {
  ArrayId,
  HostId,
  JobId,
  Principal,
  ProjectId,
  SecretId,
  UserId,
} from '../../proto/domain/ids.ts';
import type { JobSpec } from '../../proto/domain/job.ts';
import type { Dependency } from '../../proto/domain/scheduling.ts';
import type { TaskObservation } from '../../proto/domain/task.ts';
import type { HostCommand } from './host/commands.ts';
import type { IdentityCommand } from './identity/commands.ts';
import type { SchedulingCommand } from './policy/commands.ts';

/** A secret that arrives with a command; the ciphertext goes to a sealed row, the id into the event. */
export interface SealedSecret {
  readonly id: SecretId;
  readonly name: string;
  /** AES-256-GCM envelope as made by the store's sealer; opaque to the core. */
  readonly sealed: Uint8Array;
}

/** Same id and content within 24 h gives the same answer; other content is refused. */
export interface RequestMark {
  readonly requestId: string;
  /** sha256 of the canonical request. */
  readonly contentHash: string;
}

export interface NewArray {
  readonly id: ArrayId;
  /** In order of ids and of indices; at least one. */
  readonly elements: readonly { readonly id: JobId; readonly index: number }[];
  /** Elements that may run at the same time; 0: all. */
  readonly concurrency: number;
}

export type Command =
  | IdentityCommand
  | SchedulingCommand
  | {
      readonly type: 'create-project';
      readonly id: ProjectId;
      readonly name: string;
      readonly description: string;
      readonly tags: readonly string[];
      /** Becomes the owner; absent for the built-in administrator, who needs no membership. */
      readonly ownerId?: UserId;
      readonly request?: RequestMark;
    }
  | {
      readonly type: 'update-project';
      readonly project: string;
      readonly name?: string;
      readonly description?: string;
      readonly addTags: readonly string[];
      readonly removeTags: readonly string[];
    }
  | { readonly type: 'delete-project'; readonly project: string }
  | {
      readonly type: 'set-secret';
      /** Empty: cluster-wide. */
      readonly project: string;
      readonly secret: SealedSecret;
    }
  | { readonly type: 'delete-secret'; readonly project: string; readonly name: string }
  | {
      readonly type: 'create-machine-type';
      readonly name: string;
      readonly capacity: Capacity;
      readonly description: string;
    }
  | { readonly type: 'delete-machine-type'; readonly name: string }
  | {
      readonly type: 'alias-machine-type';
      readonly name: string;
      readonly alias: string;
      readonly remove: boolean;
    }
  | {
      readonly type: 'create-job';
      readonly id: JobId;
      readonly project: string;
      /** Validated, defaults filled, passwords replaced by the ids in `secrets`. */
      readonly spec: JobSpec;
      readonly secrets: readonly SealedSecret[];
      readonly request?: RequestMark;
      /** It waits until it is released by hand. */
      readonly hold?: boolean;
      /** One job per element instead of one; the first has the command's id. */
      readonly array?: NewArray;
    }
  /** `job` in these: a job, or the id of an array for all elements that wait. */
  | { readonly type: 'hold-job' | 'release-job'; readonly project: string; readonly job: string }
  | {
      readonly type: 'update-job';
      readonly project: string;
      readonly job: string;
      readonly priority?: number;
      readonly timeLimitMs?: number;
      /** All of them after the change. */
      readonly constraints?: Readonly<Record<string, string>>;
      readonly queue?: string;
      /** All of them after the change, with references as people write them. */
      readonly after?: readonly Dependency[];
    }
  | { readonly type: 'stop-job'; readonly project: string; readonly job: string; readonly graceMs?: number }
  | { readonly type: 'delete-job'; readonly project: string; readonly job: string }
  | {
      readonly type: 'retry-job';
      readonly project: string;
      readonly job: string;
      readonly request?: RequestMark;
    }
  | {
      readonly type: 'tag-job';
      readonly project: string;
      readonly job: string;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  /** A host said hello: registers it or refreshes its inventory. */
  | {
      readonly type: 'register-host';
      readonly hostId: HostId;
      readonly name: string;
      readonly bootId: string;
      readonly agentVersion: string;
      readonly inventory: Inventory;
    }
  | HostCommand
  /** What a host reported; `complete` lists everything that is there. */
  | {
      readonly type: 'observe-tasks';
      readonly hostId: HostId;
      readonly bootId: string;
      readonly reportSeq: number;
      readonly complete: boolean;
      /**
       * Revision of the wanted set that the host had applied when it reported. With it a complete report proves
       * that a task which it does not name, and whose stop it had been told, is not there.
       */
      readonly revisionApplied?: number;
      readonly tasks: readonly TaskObservation[];
    }
  /** The planner's proposals, re-checked one by one against present state. */
  | {
      readonly type: 'place-jobs';
      readonly placements: readonly Placement[];
      /**
       * What the hosts are told: when to stop tasks that may not run unseen. Default: SELF_FENCE_DEFAULT_MS. 0: they
       * were told something else, so nothing is ever concluded from their silence.
       */
      readonly selfFenceMs?: number;
    }
  /** Cancels the next of those that rely on what failed; changes nothing when there are none. */
  | { readonly type: 'end-dependents' }
  /** The planner's order to make room; each victim is looked at again, and one that stops already is left alone. */
  | { readonly type: 'preempt-jobs'; readonly evictions: readonly Eviction[] }
  /**
   * Attempts of a host end as lost, for good. By silence only those that their host must have stopped by now; by an
   * operator's word all of them, or those that are named. What they hold stays held until the host proves it free.
   */
  | {
      readonly type: 'declare-lost';
      readonly hostId: HostId;
      readonly by: { readonly cause: 'silence'; readonly silentMs: number } | { readonly cause: 'operator' };
      readonly only?: readonly { readonly jobId: JobId; readonly attempt: number }[];
    };

export interface Eviction {
  readonly jobId: JobId;
  /** The attempt to stop. */
  readonly attempt: number;
  /** The waiting job that gets the room. */
  readonly forJobId: JobId;
  /** Between notice and kill. */
  readonly graceMs: number;
}

export interface Placement {
  readonly jobId: JobId;
  readonly attempt: number;
  readonly hostId: HostId;
  readonly gpuUuids: readonly string[];
  readonly driver: string;
}

/** Who asks and when, for every command. */
export interface CommandContext {
  readonly principal: Principal;
  readonly nowMs: number;
}
