/**
 * The settings of the attained-service policy, as data: they stand in the policy record, and one set serves every
 * cluster. Why each is what it is: ADR-0017.
 */
export interface ServiceParameters {
  /** Width of the first bin of attained service; each further bin ends at twice the service. Milliseconds, 1 s to 1 h. */
  readonly firstBinMs: number;
  /** Number of bins, 8 to 40; the last one has no end. 22 from 30 s reach a year. */
  readonly binCount: number;
  /** Pseudo-jobs per bin with which the counters of all jobs begin, above 0. Lower: sooner moved by the first jobs. */
  readonly priorWeight: number;
  /** Service at which the prior expects about every job to end, in milliseconds. */
  readonly priorHorizonMs: number;
  /**
   * Share of jobs that the prior expects to end in one bin at most, above 0, below 1. Higher: long jobs are run to their
   * ends one after the other (better averages); lower: side by side (the last one ends sooner).
   */
  readonly priorEndChanceMax: number;
  /** At most so many jobs' worth of the counters of all jobs is lent to a size class, per bin, above 0. */
  readonly sizeWeight: number;
  /** At most so many jobs' worth of the size class's counters is lent to a group. Below 1: siblings count more. */
  readonly groupWeight: number;
  /** Completions of one level after which its counters are halved, so that it follows a changing load. */
  readonly completionsMax: number;
  /** Groups remembered; the one that was longest not heard of is forgotten first. */
  readonly groupsMax: number;
  /** Service that every job gets before what its siblings did counts, in milliseconds. 0 turns it off. */
  readonly firstSliceMs: number;
  /** The score is divided by the GPUs to this power, 0 to 1. Below 1 large jobs, which are hard to place, wait less. */
  readonly sizeExponent: number;
  /** A job takes GPUs from another only with at least so many times its score; 1 or more. */
  readonly hysteresis: number;
  /** A job keeps its GPUs at least so long, in milliseconds. */
  readonly minRunMs: number;
  /** Share of the GPUs, 0 to 1, that belongs to the jobs submitted first; always enough for the very first. 0 turns it off. */
  readonly elderShare: number;
  /** Age, since its submit, from which a job may be one of the elders, in milliseconds. */
  readonly elderAfterMs: number;
  /** Running jobs moved at most to make room for one that fits nowhere although enough is free. 0 turns it off. */
  readonly movesMax: number;
}

export const DEFAULT_SERVICE_PARAMETERS: ServiceParameters = {
  firstBinMs: 30_000,
  binCount: 22,
  priorWeight: 40,
  priorHorizonMs: 300_000_000,
  priorEndChanceMax: 0.6,
  sizeWeight: 40,
  groupWeight: 0.2,
  completionsMax: 20_000,
  groupsMax: 4_096,
  firstSliceMs: 1_200_000,
  sizeExponent: 0.85,
  hysteresis: 1.5,
  minRunMs: 300_000,
  elderShare: 0.02,
  elderAfterMs: 7_776_000_000,
  movesMax: 8,
};
