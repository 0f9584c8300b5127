/**
 * Named bounds of what the cluster keeps in memory and of what one command may carry. A command that would pass
 * one is refused with kind `quota` or `invalid`; nothing grows without an end.
 */

/** Jobs that wait at the same time. */
export const QUEUE_LENGTH_MAX = 250_000;
/** Jobs kept, finished ones included. Delete old ones to make room. */
export const JOBS_MAX = 1_000_000;
export const PROJECTS_MAX = 10_000;
export const HOSTS_MAX = 10_000;
/** Identities kept, those of removed hosts included until their certificates are long over. */
export const HOST_IDENTITIES_MAX = 2 * HOSTS_MAX;
/** Unexpired join tokens. */
export const JOIN_TOKENS_MAX = 10_000;
export const JOIN_TOKEN_TTL_MIN_MS = 1_000;
export const JOIN_TOKEN_TTL_MAX_MS = 60 * 60 * 1000;
/** After the end of a host's newest certificate; longer than any certificate may be renewed late. */
export const IDENTITY_KEPT_MS = 60 * 24 * 60 * 60 * 1000;
export const DRAIN_DEADLINE_MAX_MS = 90 * 24 * 60 * 60 * 1000;
/** Of a cordon, a drain or a revocation. */
export const REASON_CHARACTERS_MAX = 256;
export const SECRETS_PER_SCOPE_MAX = 1_000;
export const MACHINE_TYPES_MAX = 1_000;
export const ALIASES_MAX = 2_000;
export const QUEUES_MAX = 1_000;
export const QUOTA_NODES_MAX = 20_000;
/** From the root's children down: deeper trees are nobody's organisation, and every check walks to the root. */
export const QUOTA_DEPTH_MAX = 8;
/** Older versions are forgotten; the log goes on naming them. */
export const POLICY_VERSIONS_KEPT = 100;
export const RESERVATIONS_MAX = 1_000;
/** After its end a reservation is listed for so long, and forgotten when another one is made. */
export const RESERVATION_KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** Days of the usage ledger before the newest. */
export const USAGE_DAYS_KEPT = 1_100;
/** An attempt that seems to have held GPUs for longer is charged by its host's clock: the controller's was wrong. */
export const CHARGE_MAX_MS = 366 * 24 * 60 * 60 * 1000;
/** Waiting jobs that name the same job or array as their dependency. */
export const DEPENDENTS_MAX = 10_000;
/** Jobs that one decision cancels because what they rely on failed; the rest follows in later commits. */
export const DEPENDENTS_ENDED_MAX = 1_000;
/** Jobs looked at when cycles of dependencies are sought. */
export const DEPENDENCY_WALK_MAX = 10_000;
/** Of all specs of one array together, as they are written to the log. */
export const ARRAY_SPEC_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Revoked ones included: their names stay taken. */
export const USERS_MAX = 10_000;
export const TOKENS_PER_USER_MAX = 64;
export const TOKEN_LIFETIME_MIN_MS = 1_000;
export const TOKEN_LIFETIME_MAX_MS = 3_653 * 24 * 60 * 60 * 1000;
export const MEMBERS_PER_PROJECT_MAX = 1_000;
/** Each look for a project goes through those of the user, so they are few. */
export const PROJECTS_PER_USER_MAX = 1_000;
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
