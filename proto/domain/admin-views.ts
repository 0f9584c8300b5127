/**
 * What operators are told about the cluster as a whole: its condition, what a check of its store found, what a
 * backup leaves out.
 */

export interface StoreFinding {
  /** Stable UPPER_SNAKE. */
  readonly code: string;
  readonly message: string;
  /** Which event, record or file. */
  readonly where: string;
  readonly hint: string;
}

export interface StoreCheck {
  readonly ok: boolean;
  readonly epoch: number;
  readonly headSeq: number;
  readonly firstSeq: number;
  /** Events checked by checksum and chain. */
  readonly events: number;
  /** Sequence of the state that the events were folded onto, 0 for the very beginning; undefined: none was found. */
  readonly foldedFrom: number | undefined;
  readonly rows: number;
  readonly jobs: number;
  /** sha256 over the state, equal exactly when two states are. */
  readonly stateHash: string;
  readonly snapshots: number;
  readonly findings: readonly StoreFinding[];
  /** Findings beyond the bound of the list. */
  readonly findingsDropped: number;
}

export interface ClusterStatus {
  readonly clusterId: string;
  readonly serverVersion: string;
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly headSeq: number;
  readonly firstSeq: number;
  /** On the controller's machine; empty when the store lies in memory. */
  readonly folder: string;
  /** `roomy`, `low` or `full`; empty when the store lies in memory. */
  readonly diskState: string;
  readonly diskFreeBytes: number;
  readonly diskSizeBytes: number;
  readonly snapshots: readonly { readonly seq: number; readonly madeAtMs: number }[];
  readonly recovering: boolean;
  /** Why every write is refused, as `CODE: message`; empty when none is. */
  readonly writesRefused: string;
  readonly hosts: number;
  readonly hostsConnected: number;
  readonly jobs: number;
  readonly queued: number;
}

/** What stands at the end of a backup. */
export interface BackupEnd {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly notInBackup: readonly string[];
  readonly keyFiles: readonly string[];
}

export interface BackupOmission {
  /** In the controller's data folder. */
  readonly name: string;
  /** Opens secrets. */
  readonly isKey: boolean;
  readonly why: string;
}

/** What a backup does not hold, so that erasing a secret reaches every backup and a backup alone opens nothing. */
export const BACKUP_OMISSIONS: readonly BackupOmission[] = [
  { name: 'secrets.key', isKey: true, why: 'opens the data keys; without it no stored secret can be read' },
  {
    name: 'secret-keys',
    isKey: true,
    why: 'data keys of the secrets; an erased secret is erased from every backup with it',
  },
  {
    name: 'tls',
    isKey: false,
    why: 'certificate authority; with a new one agents and clients must join again',
  },
  { name: 'admin.token', isKey: false, why: 'token of administrators; made anew when absent' },
  { name: 'blobs', isKey: false, why: 'workspaces, artifacts and archived logs' },
];
