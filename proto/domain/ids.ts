/**
 * Branded identifiers. Ids are minted by shells (ports/id-source) and only compared and carried here.
 */

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

export type JobId = Brand<string, 'JobId'>;
export type ProjectId = Brand<string, 'ProjectId'>;
export type HostId = Brand<string, 'HostId'>;
export type SecretId = Brand<string, 'SecretId'>;
export type UserId = Brand<string, 'UserId'>;
export type TokenId = Brand<string, 'TokenId'>;
/** All elements of one job array; no job has it. */
export type ArrayId = Brand<string, 'ArrayId'>;
export type ReservationId = Brand<string, 'ReservationId'>;
export type GpuUuid = Brand<string, 'GpuUuid'>;
/** Who asks: `user:NAME`, `agent:HOST_ID` or `system`. */
export type Principal = Brand<string, 'Principal'>;

export const ID_PREFIXES = {
  job: 'job_',
  project: 'prj_',
  host: 'host_',
  secret: 'sec_',
  user: 'usr_',
  token: 'tok_',
  array: 'arr_',
  reservation: 'rsv_',
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

/** The one form of a host's id, wherever it comes from. */
export function isHostId(text: string): text is HostId {
  return /^host_[0-9a-z]{1,40}$/.test(text);
}

/** Identity of one task of one attempt: what a start is keyed by. */
export interface TaskKey {
  readonly jobId: JobId;
  /** 1-based. */
  readonly attempt: number;
  /** Rank, 0-based. */
  readonly task: number;
}

/** `job.attempt.task`: the stable text form used in names, labels, journals and paths. Never throws. */
export function toTaskName(key: TaskKey): string {
  return `${key.jobId}.${key.attempt}.${key.task}`;
}

/** The inverse of {@link toTaskName}; undefined when the text is not of that form. */
export function parseTaskName(text: string): TaskKey | undefined {
  const match = /^(job_[0-9a-z]{1,40})\.([1-9]\d{0,5})\.(0|[1-9]\d{0,5})$/.exec(text);
  if (match === null) return undefined;
  return { jobId: match[1] as JobId, attempt: Number(match[2]), task: Number(match[3]) };
}
