/**
 * The timing that makes it safe to replace an attempt whose host is silent: the host must have stopped it before the
 * controller may place another. Both sides take their figures from here, and each attempt carries the one it was
 * placed under, so that a changed setting never shortens a promise that was given.
 */

/** Without contact for this long a host stops what may not run unseen. */
export const SELF_FENCE_DEFAULT_MS = 240_000;
/** A host that fences kills at the latest so long after it began, whatever grace the job asked for. */
export const FENCE_GRACE_MAX_MS = 30_000;
/** For a restart of the agent, a late timer, and the proof of stop. */
export const FENCE_SLACK_MS = 15_000;
/** Two sound clocks do not drift apart by more than this share: many times what a quartz does. */
const CLOCK_DRIFT_SHARE = 0.01;

/**
 * Silence, as the controller measures it, after which a host that was placed work under `selfFenceMs` has stopped it.
 * The host counts from when it sent the newest heartbeat that was answered, the controller from when it heard
 * anything at all, which is never earlier.
 */
export function fencedAfterMs(selfFenceMs: number): number {
  return Math.ceil(selfFenceMs * (1 + CLOCK_DRIFT_SHARE)) + FENCE_GRACE_MAX_MS + FENCE_SLACK_MS;
}
