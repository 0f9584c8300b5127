/**
 * What a controller is started with, and what a started one offers to the process or test that runs it.
 */
import type { ClusterError } from '../proto/errors/cluster-error.ts';
import type { Clock, IdSource, Logger } from '../proto/ports/index.ts';
import type { SplittableRng } from '../proto/runtime/rng.ts';
import type { BlobStore } from './blobs/blob-store.ts';
import type { Planner } from './core/planner.ts';
import type { Tokens } from './rpc/auth/tokens.ts';
import type { DiskLimits } from './store/disk-guard.ts';
import type { OpenedEngine } from './store/open-engine.ts';

export interface ControllerSettings {
  /** The controller's own folder (absolute): log, blobs, tokens, certificates. */
  readonly folder: string;
  /** The cluster's state ends with the process; blobs and tokens still lie in `folder`. For tests. */
  readonly inMemory?: boolean;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly tlsNames: readonly string[];
  readonly allowVolatileStore: boolean;
  readonly disk?: DiskLimits;
  readonly workspaceBytesMax: number;
  readonly artifactBytesMax: number;
  readonly heartbeatMs: number;
  /** 0: all are kept. */
  readonly finishedJobsMax?: number;
  /** Default: LOST_AFTER_MS. */
  readonly lostAfterMs?: number;
  /** Default: SELF_FENCE_DEFAULT_MS. */
  readonly selfFenceMs?: number;
  /** Default: CERTIFICATE_LIFE_MS. */
  readonly agentCertificateLifeMs?: number;
  /** Default: CERTIFICATE_GRACE_MS. */
  readonly agentCertificateGraceMs?: number;
  /** Default: CONNECTION_LIMITS.firstCallTimeoutMs. */
  readonly firstCallMs?: number;
}

export interface ControllerOptions {
  readonly settings: ControllerSettings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly rng: SplittableRng;
  readonly logger: Logger;
  /** Default: first fit. */
  readonly planner?: Planner;
  /** Aborted: the process is told to end, and a start that still reads its store is given up. */
  readonly signal?: AbortSignal;
  /** Memory and disk may differ, or another leads: log, flush, exit. */
  readonly onFatal: (error: ClusterError) => void;
}

export interface Controller {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly tokens: Tokens;
  readonly engine: OpenedEngine;
  readonly blobs: BlobStore;
  /** Stops planning, ends calls, commits what was submitted, closes the store. Idempotent. */
  close(): Promise<void>;
}
