/** Changes to try of one kind, from the smallest to the largest. */
import type { ChangeKind } from '../../../proto/domain/explain-views.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { ClusterReader } from '../reader.ts';
import type { JudgedHost } from './host-groups.ts';

export interface Rung {
  readonly flags: string;
  readonly message: string;
  /** The job as it would be then. */
  readonly job: Job;
}

export interface Ladder {
  readonly kind: ChangeKind;
  /** A waiting job can be changed so. */
  readonly inPlace: boolean;
  /** From the smallest change to the largest; never empty. What one makes possible all larger ones do. */
  readonly rungs: readonly Rung[];
}

export interface LadderInput {
  readonly reader: ClusterReader;
  readonly job: Job;
  readonly judged: readonly JudgedHost[];
  readonly nowMs: number;
}
