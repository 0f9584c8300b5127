/**
 * What controller and agent must agree on about certificates of hosts.
 */

/** A certificate begins so long before it was made, because clocks differ. Its life counts from when it was made. */
export const CERTIFICATE_BACKDATED_MS = 5 * 60_000;
