/**
 * Every bound on what a user may ask for, and every default of a job. Limits are shown in refusals, defaults in
 * help, so both stand here once.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Named priorities of `--priority`; any integer between LIMITS.priorityMin and Max is allowed too. */
export const PRIORITIES = { low: 250, normal: 500, high: 750 } as const;

/** What a job gets when its spec says nothing. */
export const DEFAULTS = {
  /** One core. */
  cpuMilli: 1000,
  memoryBytes: GIB,
  /** 0: the driver's default, half of memory. */
  shmBytes: 0,
  /** 0: no disk is set aside. */
  diskBytes: 0,
  gpuMilli: 0,
  priority: PRIORITIES.normal,
  graceMs: 30 * SECOND_MS,
  /** 0: no limit. */
  timeLimitMs: 0,
  retries: 0,
  maxRunAttempts: 10,
  tasks: 1,
  warnSignal: 'USR1',
} as const;

export const LIMITS = {
  nameCharacters: 128,
  slugCharacters: 63,
  descriptionCharacters: 1024,
  imageCharacters: 512,
  containerUserCharacters: 64,
  commandLineBytes: 64 * KIB,
  argvCount: 1024,
  argvBytes: 64 * KIB,
  envCount: 512,
  envKeyCharacters: 256,
  envValueBytes: 32 * KIB,
  envBytes: 128 * KIB,
  portCount: 32,
  portMax: 65_535,
  gpuMilli: 1024 * 1000,
  gpuModelCount: 16,
  gpuModelCharacters: 64,
  gpuMemoryBytes: 4 * TIB,
  cpuMilli: 4096 * 1000,
  memoryMinBytes: 4 * MIB,
  memoryBytes: 64 * TIB,
  diskBytes: 1024 * TIB,
  timeLimitMs: 365 * DAY_MS,
  graceMinMs: SECOND_MS,
  graceMs: HOUR_MS,
  retries: 100,
  maxRunAttempts: 1000,
  priorityMin: 0,
  priorityMax: 1000,
  workingDirectoryCharacters: 1024,
  constraintCount: 32,
  labelCharacters: 128,
  excludeHostCount: 256,
  tagCount: 32,
  tagCharacters: 64,
  warnBeforeMs: DAY_MS,
  credentialCharacters: 1024,
  passwordCharacters: 16 * KIB,
  gitUrlCharacters: 2048,
  gitRefCharacters: 256,
  workspaceBytes: 64 * GIB,
  listLimitDefault: 100,
  listLimit: 1000,
  listFilterCount: 16,
  secretValueBytes: 64 * KIB,
  tokenCharacters: 4096,
  bandMin: -100,
  bandMax: 100,
  queueAllowedProjects: 256,
  /** Jobs per user of a queue. */
  jobsPerUser: 1_000_000,
  afterCount: 64,
  arrayElements: 1000,
  arrayIndex: 1_000_000,
  quotaWeightMax: 10_000,
  quotaShares: 32,
  /** Of one node, in each resource's unit; the largest cluster has less. */
  quotaGpuMilli: 1_000_000 * 1000,
  quotaCpuMilli: 100_000_000 * 1000,
  quotaMemoryBytes: 4096 * 1024 * TIB,
  reservationHosts: 1000,
  reservationMs: 366 * DAY_MS,
  noteCharacters: 256,
} as const;

/** Signal names a job may be warned with. */
export const WARN_SIGNALS = ['HUP', 'INT', 'USR1', 'USR2', 'TERM', 'WINCH', 'CONT'] as const;
