/**
 * Named bounds of what the cluster keeps in memory and of what one command may carry. A command that would pass
 * one is refused with kind `quota` or `invalid`; nothing grows without an end.
 */

/** Jobs that wait at the same time. */
export const QUEUE_LENGTH_MAX = 100_000;
/** Jobs kept, finished ones included. Delete old ones to make room. */
export const JOBS_MAX = 1_000_000;
export const PROJECTS_MAX = 10_000;
export const HOSTS_MAX = 10_000;
export const SECRETS_PER_SCOPE_MAX = 1_000;
export const MACHINE_TYPES_MAX = 1_000;
export const ALIASES_MAX = 2_000;
export const TAGS_PER_RECORD_MAX = 64;
export const TAG_LENGTH_MAX = 128;
export const GPUS_PER_HOST_MAX = 64;
export const MANUAL_RETRIES_MAX = 100;
/** Used when a spec says 0. */
export const RUN_ATTEMPTS_DEFAULT = 10;
export const RUN_ATTEMPTS_MAX = 1_000;

/** How long the answer to a request id is remembered. */
export const REQUEST_KEPT_MS = 24 * 60 * 60 * 1000;
/**
 * Remembered requests. At this many the oldest is forgotten early: a client repeats a request within minutes, and
 * refusing new work to remember old answers would be the worse failure.
 */
export const REQUESTS_MAX = 200_000;

/** Matches named in the answer to an ambiguous lookup. */
export const LOOKUP_MATCHES_MAX = 10;

/** First pause before a failed attempt is followed by another; doubles with each failure in a row. */
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 5 * 60 * 1000;

/** A progress report is committed when it moved by this share of the total, so that pulls do not flood the log. */
export const PROGRESS_STEP_PERCENT = 10;
