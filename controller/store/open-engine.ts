/**
 * Opens the cluster kept in a folder, or a new one in memory: checks the folder, takes leadership, loads the state,
 * founds the cluster when there is none.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Principal, ProjectId, SecretId } from '../../proto/domain/ids.ts';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, IdSource, Logger, Rng } from '../../proto/ports/index.ts';
import { readTextFile } from '../../proto/runtime/durable-file.ts';
import { prepareFolder } from '../../proto/runtime/folder-fitness.ts';
import type { Engine } from '../core/engine.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { releaseBallast } from './ballast.ts';
import { type BallastKeeper, keepBallast } from './ballast-keeper.ts';
import { openBytes } from './codec.ts';
import type { CommitLog } from './commit-log.ts';
import {
  createVolatileDataKeys,
  DATA_KEYS_FOLDER,
  type DataKeys,
  openDataKeys,
  sweepDataKeys,
} from './data-keys.ts';
import type { DiskGuard, DiskLimits } from './disk-guard.ts';
import { createDiskGuard, DISK_LIMITS } from './disk-guard.ts';
import { GroupCommitEngine, untilAllIsRead } from './engine.ts';
import { KEY_FILE, LOG_FOLDER, RECOVERY_FILE, WITNESS_FILE } from './folder-layout.ts';
import { withWitness } from './head-witness.ts';
import { openLevelLog } from './level-log.ts';
import { loadState, SEALED_ROW_PREFIX } from './load-state.ts';
import { createMaintenance, type Maintenance } from './maintenance.ts';
import { createMemoryLog } from './memory-log.ts';
import { migrate } from './migrations.ts';
import { beginOpening, type Opening } from './opening-mark.ts';
import type { RecoveryMark } from './restore.ts';
import { type Scrub, startScrub } from './scrub.ts';
import type { Sealer } from './sealer.ts';
import { createVolatileSealer, openSealer } from './sealer.ts';
import { SNAPSHOT_FOLDER } from './snapshot-folder.ts';
import { keepSnapshots, type SnapshotKeeper } from './snapshot-keeper.ts';

export interface OpenEngineOptions {
  /** Data folder (absolute path), made when absent; or the word `memory` for a cluster that ends with the process. */
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly rng?: Rng;
  readonly logger: Logger;
  /** Permit a data folder in memory (tmpfs), for demos and tests. Default false. */
  readonly allowVolatileStore?: boolean;
  /** Default: the bounds of {@link DISK_LIMITS} without a ballast. */
  readonly disk?: DiskLimits;
  readonly history?: HistoryLimits;
  /** Aborted: the process is told to end; a store that is still being read is left. */
  readonly signal?: AbortSignal;
  /** Memory and disk may differ: log, flush, exit. */
  readonly onFatal: (error: ClusterError) => void;
}

export interface Recovery extends RecoveryMark {
  /** Recovery is over: the next start is an ordinary one. */
  finish(): Promise<void>;
}

/** How much of the past is kept; defaults are those of engine and snapshot keeper. */
export interface HistoryLimits {
  readonly eventsKeptMax?: number;
  readonly snapshotEveryEvents?: number;
  readonly snapshotEveryMs?: number;
}

export type OpenedEngine = Engine &
  Pick<GroupCommitEngine, 'durableHead' | 'chainHashAt'> & {
    readonly sealer: Sealer;
    readonly clusterId: string;
    /** Of the disk that the data folder lies on; undefined in memory. */
    readonly disk: DiskGuard | undefined;
    readonly maintenance: Maintenance;
    /** Set while a restored cluster has not yet heard of every host. */
    readonly recovery: Recovery | undefined;
  };

export { KEY_FILE, LOG_FOLDER, WITNESS_FILE };
export const IN_MEMORY = 'memory';

/**
 * @throws ClusterError DATA_FOLDER_IN_USE, DATA_FOLDER_NOT_WRITABLE, DATA_FOLDER_UNFIT, DATA_FOLDER_VOLATILE,
 * DATA_NEWER, DISK_FULL, KEY_FILE_MISSING, KEY_FILE_EXPOSED, CLOSING, or kind corrupt (TAIL_LOST, STORE_ENDS_STARTS and the like)
 */
export async function openEngine(options: OpenEngineOptions): Promise<OpenedEngine> {
  if (options.folder === IN_MEMORY) return await openWith(createMemoryLog(), options, undefined);
  const { folder, logger } = options;
  const volatile = await prepareFolder(folder, options.allowVolatileStore ?? false);
  if (volatile) logger.warn('the data folder lies in memory and is lost at reboot', { folder });
  const { signal } = options;
  const opening = await beginOpening({ folder, logger, ...(signal === undefined ? {} : { signal }) });
  try {
    return await openFolder(options, opening);
  } finally {
    await opening.end();
  }
}

async function openFolder(options: OpenEngineOptions, opening: Opening): Promise<OpenedEngine> {
  const { folder, logger, clock } = options;
  const log = await witnessed(await openLog(folder, logger), join(folder, WITNESS_FILE));
  const given = options.disk ?? { ...DISK_LIMITS, ballastBytes: 0 };
  // In memory a ballast would take from everybody what it is to keep for the store; and a cluster that may be lost
  // at reboot is not worth one.
  const limits = options.allowVolatileStore === true ? { ...given, ballastBytes: 0 } : given;
  const guard = createDiskGuard({
    folder,
    clock,
    limits,
    onChange: (state, space) => logger.warn('the room on the disk changed', { state, ...space }),
  });
  await opening.hold();
  await guard.look();
  const ballast = keepBallast({ folder, limits, guard, clock, logger });
  return await openWith(log, options, { guard, ballast, opening });
}

/** A store on a full disk opens only with some room, which the ballast was kept for. */
async function openLog(folder: string, logger: Logger): Promise<CommitLog> {
  const path = join(folder, LOG_FOLDER);
  try {
    return await openLevelLog(path);
  } catch (error) {
    if (!isClusterError(error) || error.code !== 'DISK_FULL') throw error;
    if (!(await releaseBallast(folder))) throw error;
    logger.warn('the disk is full: the ballast was given up to open the store', { folder });
    return await openLevelLog(path);
  }
}

async function witnessed(log: CommitLog, path: string): Promise<CommitLog> {
  try {
    return await withWitness(log, path);
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** What an engine on a disk has beside its log. */
export interface DiskParts {
  readonly guard: DiskGuard;
  readonly ballast: BallastKeeper;
  readonly opening?: Pick<Opening, 'reached'>;
}

/** Opens an engine over any log, and closes the log when that fails. */
export async function openWith(
  log: CommitLog,
  options: OpenEngineOptions,
  disk: DiskParts | undefined,
): Promise<OpenedEngine> {
  try {
    return await openOver(log, options, disk);
  } catch (error) {
    await disk?.ballast.close();
    await log.close();
    throw error;
  }
}

async function openOver(
  log: CommitLog,
  options: OpenEngineOptions,
  disk: DiskParts | undefined,
): Promise<OpenedEngine> {
  const inMemory = options.folder === IN_MEMORY;
  const dataKeys = inMemory
    ? createVolatileDataKeys()
    : await openDataKeys(join(options.folder, DATA_KEYS_FOLDER));
  const { folder, clock, logger } = options;
  if (!inMemory) await migrate({ log, folder, parts: { dataKeys }, clock, logger });
  const state = await loadState(log, async (rows) => disk?.opening?.reached(rows));
  const hasSecrets = state.secretTable.size > 0;
  const sealer = inMemory
    ? await createVolatileSealer()
    : await openSealer(join(folder, KEY_FILE), !hasSecrets, dataKeys);
  if (!inMemory) await verifyKeyFile({ log, sealer, dataKeys, state, path: join(folder, KEY_FILE) });
  const epoch = await log.acquireLeadership();
  const { chainHash, seq } = await log.head();
  const { onFatal, history = {} } = options;
  const snapshots = disk === undefined ? undefined : await openSnapshots(log, options, disk);
  let scrub: Scrub | undefined;
  const engine = new GroupCommitEngine(state, log, {
    epoch,
    chainHash,
    onFatal,
    ...(disk === undefined ? {} : { guard: disk.guard, gather: untilAllIsRead }),
    ...(history.eventsKeptMax === undefined ? {} : { eventsKeptMax: history.eventsKeptMax }),
    ...(snapshots === undefined ? {} : { prunableBefore: () => snapshots.prunableBefore }),
    async beforeClose() {
      await scrub?.close();
      await disk?.ballast.close();
      await snapshots?.close();
    },
  });
  if (disk !== undefined) scrub = scrubFor(engine, log, options);
  eraseWithSecrets(engine, dataKeys, logger);
  // Not over an empty log: whoever lost theirs will want the keys once a backup of it is restored.
  if (state.clusterId === '') await found(engine, options);
  else await sweepDataKeys(dataKeys, (id) => state.secret(id) !== undefined);
  logger.info('store opened', { epoch, seq, jobs: state.jobCount, hosts: state.hostCount });
  const { clusterId } = state;
  const maintenance = createMaintenance({ log, folder, clusterId, clock, dataKeys, disk: disk?.guard });
  const recovery = inMemory ? undefined : await readRecovery(folder);
  return Object.assign(engine, { sealer, clusterId, disk: disk?.guard, maintenance, recovery });
}

const MARK_BYTES_MAX = 4096;

async function readRecovery(folder: string): Promise<Recovery | undefined> {
  const path = join(folder, RECOVERY_FILE);
  const text = await readTextFile(path, MARK_BYTES_MAX);
  if (text === undefined) return undefined;
  return { ...(JSON.parse(text) as RecoveryMark), finish: () => rm(path, { force: true }) };
}

interface KeyFileParts {
  readonly log: CommitLog;
  readonly sealer: Sealer;
  readonly dataKeys: DataKeys;
  readonly state: ClusterState;
  readonly path: string;
}

/** Secrets that are tried: one that is damaged itself must not stand for all. */
const SECRETS_TRIED = 8;

/**
 * A wrong key would go unnoticed until some job needs a secret, and new ones would be sealed with it meanwhile.
 *
 * @throws ClusterError corrupt KEY_FILE_WRONG when it opens none of some secrets
 */
async function verifyKeyFile({ log, sealer, dataKeys, state, path }: KeyFileParts): Promise<void> {
  let tried = 0;
  for (const { id } of state.secretTable.all()) {
    const key = SEALED_ROW_PREFIX + id;
    const value = await log.row(key);
    try {
      if (value === undefined || (await dataKeys.get(id)) === undefined) continue;
      await sealer.open(id, openBytes(key, value));
      return;
    } catch (error) {
      if (!isClusterError(error)) throw error;
      tried += 1;
      if (tried >= SECRETS_TRIED) break;
    }
  }
  if (tried === 0) return;
  throw new ClusterError('corrupt', 'KEY_FILE_WRONG', 'the key file opens none of the stored secrets', {
    hint: `restore ${path} and the data keys beside it from where their copies are kept`,
    details: { path },
  });
}

/** A key goes after the commit that erased its secret; what a crash leaves is swept at the next start. */
function eraseWithSecrets(engine: GroupCommitEngine, dataKeys: DataKeys, logger: Logger): void {
  engine.onCommit(({ events }) => {
    for (const { type, subject } of events) {
      if (type !== 'secret-deleted') continue;
      dataKeys.erase(subject as SecretId).catch((error: unknown) => {
        logger.error('the data key of an erased secret could not be destroyed', { secretId: subject, error });
      });
    }
  });
}

/** A value that rotted on the disk ends all writing: the state in memory may be right, what a restart finds is not. */
function scrubFor(engine: GroupCommitEngine, log: CommitLog, { clock, logger }: OpenEngineOptions): Scrub {
  return startScrub({
    log,
    clock,
    logger,
    onDamage(error) {
      logger.error('the store is damaged: nothing is written any more', { error, hint: error.hint });
      engine.refuseWrites(error);
    },
  });
}

async function openSnapshots(
  log: CommitLog,
  { folder, clock, logger, history = {} }: OpenEngineOptions,
  { guard }: DiskParts,
): Promise<SnapshotKeeper> {
  return await keepSnapshots({
    folder: join(folder, SNAPSHOT_FOLDER),
    log,
    guard,
    clock,
    logger,
    ...(history.snapshotEveryEvents === undefined ? {} : { everyEvents: history.snapshotEveryEvents }),
    ...(history.snapshotEveryMs === undefined ? {} : { everyMs: history.snapshotEveryMs }),
  });
}

async function found(engine: GroupCommitEngine, options: OpenEngineOptions): Promise<void> {
  const { clock, ids } = options;
  const clusterId = ids.mint('project').replace(/^prj_/, 'cluster_');
  const projectId = ids.mint('project') as ProjectId;
  const context = { principal: 'system' as Principal, nowMs: clock.nowMs() };
  await engine.submit({ type: 'found-cluster', clusterId, projectId }, context);
}
