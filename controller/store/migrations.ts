/**
 * From the schema of a stored cluster to the one of this version, step by step. Each step may be cut short at any
 * instant and is simply done again; the store is marked when it is done. A backup is made before the first.
 */
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretId } from '../../proto/domain/ids.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import { syncFolder } from '../../proto/runtime/durable-file.ts';
import { writeArchive } from './archive-file.ts';
import { openBytes, sealBytes } from './codec.ts';
import type { CommitLog, RowWrite } from './commit-log.ts';
import { SCHEMA_VERSION } from './commit-log.ts';
import type { DataKeys } from './data-keys.ts';
import { SEALED_ROW_PREFIX } from './load-state.ts';
import { takeKeyOut } from './sealer.ts';

/** Where the backups lie that are made before a migration. */
export const MIGRATION_FOLDER = 'before-migration';
/** Rows of one synced write. */
const ROWS_PER_WRITE = 500;

interface Migration {
  /** Schema that it leads to, from the one before. */
  readonly to: number;
  readonly summary: string;
  /** The row as it must be; the same bytes (or undefined) when it already is. */
  readonly change: (key: string, value: Uint8Array, parts: MigrationParts) => Promise<Uint8Array | undefined>;
}

export interface MigrationParts {
  readonly dataKeys: DataKeys;
}

const MIGRATIONS: readonly Migration[] = [
  {
    to: 2,
    summary: 'data keys of secrets leave the log',
    async change(key, value, { dataKeys }) {
      if (!key.startsWith(SEALED_ROW_PREFIX)) return undefined;
      const parted = takeKeyOut(openBytes(key, value));
      if (parted === undefined) return undefined;
      await dataKeys.put(key.slice(SEALED_ROW_PREFIX.length) as SecretId, parted.sealedKey);
      return sealBytes(key, parted.sealed);
    },
  },
  {
    to: 3,
    // Nothing that is stored changes; older versions are kept from what they could not read.
    summary: 'there may be rows of users, tokens, members, join tokens and certificates of hosts',
    change: async () => undefined,
  },
  {
    to: 4,
    // As before. Attempts that were placed by older versions carry no queue, so that their usage is not counted.
    summary: 'there may be rows of queues, quotas, policies, reservations and usage',
    change: async () => undefined,
  },
];

export interface MigrateOptions {
  readonly log: CommitLog;
  readonly folder: string;
  readonly parts: MigrationParts;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Does nothing to a store of the present schema. @throws ClusterError kind corrupt; DISK_FULL */
export async function migrate({ log, folder, parts, clock, logger }: MigrateOptions): Promise<void> {
  const { schemaVersion, seq } = await log.head();
  if (schemaVersion >= SCHEMA_VERSION) return;
  const backup = await backUp(log, folder, clock.nowMs());
  logger.warn('the store is of an older version and is converted; a backup was made', {
    from: schemaVersion,
    to: SCHEMA_VERSION,
    seq,
    backup,
  });
  for (const migration of MIGRATIONS) {
    if (migration.to <= schemaVersion) continue;
    const rows = await convert(log, migration, parts);
    logger.info('the store was converted', { to: migration.to, summary: migration.summary, rows });
  }
}

async function convert(log: CommitLog, migration: Migration, parts: MigrationParts): Promise<number> {
  const { schemaVersion } = await log.head();
  const snapshot = await log.snapshot();
  let writes: RowWrite[] = [];
  let count = 0;
  try {
    for await (const chunk of snapshot.rows()) {
      for (const [key, before] of chunk) {
        const value = await migration.change(key, before, parts);
        if (value === undefined) continue;
        count += 1;
        writes.push({ key, value });
        if (writes.length < ROWS_PER_WRITE) continue;
        await log.rewriteRows(writes, schemaVersion);
        writes = [];
      }
    }
  } finally {
    await snapshot.close();
  }
  await log.rewriteRows(writes, migration.to);
  return count;
}

async function backUp(log: CommitLog, folder: string, madeAtMs: number): Promise<string> {
  const to = join(folder, MIGRATION_FOLDER);
  await mkdir(to, { recursive: true, mode: 0o700 });
  const { schemaVersion, seq } = await log.head();
  const path = join(to, `schema-${schemaVersion}-at-${seq}.backup`);
  const file = await open(`${path}.draft`, 'w', 0o600);
  const snapshot = await log.snapshot();
  try {
    for await (const bytes of writeArchive(snapshot, { madeAtMs, withEntries: true }))
      await file.write(bytes);
    await file.sync();
  } finally {
    await snapshot.close();
    await file.close();
  }
  await rename(`${path}.draft`, path);
  await syncFolder(to);
  return path;
}
