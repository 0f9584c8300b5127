/**
 * The names of the planted bugs, and what must go wrong around them so that they show.
 */
import type { Fault } from './options.ts';

/** Each with the faults that give it a chance to show. */
export const PLANTED_BUGS = {
  'old-epoch-obeyed': ['takeover', 'connection-loss'],
  'log-unfenced': ['takeover'],
  'ack-before-sync': ['controller-crash', 'slow-log'],
  'reply-before-commit': ['controller-crash', 'slow-log'],
  'torn-commit': ['controller-crash', 'slow-log'],
  'free-on-lost': ['connection-loss'],
  'stop-taken-for-stopped': [],
  'forget-exit-before-ack': ['agent-crash', 'connection-loss'],
  'kill-before-full-sync': ['journal-loss', 'agent-crash', 'partition'],
  'brake-off': ['connection-loss'],
  'placement-unchecked': ['stale-planner'],
  'no-request-memory': ['connection-loss', 'controller-crash'],
  'act-before-journal': ['reboot', 'agent-crash', 'slow-journal'],
  'unknown-as-exited': ['driver-hang', 'driver-restart'],
  'report-seq-reused': ['agent-crash', 'connection-loss'],
  'newer-generation-ignored': [],
  'stale-session-acts': ['half-open', 'connection-loss'],
  'contact-without-round-trip': ['half-open'],
  'wake-lost': [],
  'stop-not-journalled': ['agent-crash', 'driver-hang'],
  'time-limit-dropped': [],
  'lost-gpu-offered': ['gpu-loss'],
  'pause-ignored': [],
  'lead-unproved': ['deposed-leader'],
  'fence-skipped': ['silence'],
  'fence-forgets-contact': ['silence', 'agent-crash'],
  'replace-before-fence': ['silence'],
  'wait-not-waited': ['silence'],
  'stop-consent-forged': ['empty-set', 'connection-loss'],
  'old-backup-served': ['old-backup'],
  'cordon-ignored': ['host-orders'],
  'drain-deadline-missed': ['host-orders'],
  'drain-skips-tasks': ['host-orders'],
  'drain-spends-retry': ['host-orders'],
  'removal-unproved': ['host-removal'],
  'given-up-forgotten': ['host-removal', 'driver-hang'],
  'revoked-host-served': ['host-removal'],
  'join-token-reused': ['host-removal'],
  'project-deleted-with-jobs': ['tenants'],
} as const satisfies Record<string, readonly Fault[]>;

export type PlantedBug = keyof typeof PLANTED_BUGS;
