/**
 * Builds a whole controller out of its parts and opens its doors: the composition that main.ts runs as a process and
 * tests run inside theirs.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SELF_FENCE_DEFAULT_MS } from '../proto/domain/fencing.ts';
import type { HostId } from '../proto/domain/ids.ts';
import { ClusterError } from '../proto/errors/cluster-error.ts';
import type { Logger } from '../proto/ports/index.ts';
import { SECRET_FOLDER_MODE } from '../proto/runtime/durable-file.ts';
import { jobPrefix, jobsPrefix, PROJECTS_PREFIX, projectPrefix } from './blobs/blob-layout.ts';
import type { BlobStore } from './blobs/blob-store.ts';
import { openDirectoryBlobStore } from './blobs/directory-blob-store.ts';
import { refuseWithoutRoom } from './blobs/refuse-without-room.ts';
import type { Controller, ControllerOptions, ControllerSettings } from './controller-options.ts';
import type { Planner } from './core/planner.ts';
import { createPlanner } from './core/planning/plan-cluster.ts';
import { PlannerMemory } from './core/planning/planner-memory.ts';
import { createQuestionPlanner } from './core/planning/question-planner.ts';
import { createAgentLink } from './effects/agent-link/agent-link.ts';
import { createHistoryProofs } from './effects/agent-link/history-proof.ts';
import { createBlobSweeper } from './effects/blob-sweeper.ts';
import { createDependentEnds } from './effects/dependent-ends.ts';
import { createJobRetention } from './effects/job-retention.ts';
import { createLiveness, type Liveness } from './effects/liveness.ts';
import { watchLostHosts } from './effects/lost-hosts.ts';
import { createPlanningLoop, type PlanningLoop } from './effects/planning-loop.ts';
import { createRecovery, type RecoveryPhase } from './effects/recovery.ts';
import { resolveSecrets } from './effects/resolve-secrets.ts';
import { createTelemetryBoard } from './effects/telemetry-board.ts';
import { createDataConnections } from './http/data-connections.ts';
import { createDataTickets } from './http/data-tickets.ts';
import { openDoors, type Parts, type Stores } from './open-doors.ts';
import { createAttemptLimit } from './rpc/auth/attempt-limit.ts';
import { createDoor } from './rpc/auth/door.ts';
import { openTokens } from './rpc/auth/tokens.ts';
import { createUserTokens } from './rpc/auth/user-tokens.ts';
import { ensureTlsMaterial } from './rpc/tls/tls-material.ts';
import { createChangeHub } from './rpc/watch/change-hub.ts';
import { createEnrolment } from './start-enrolment.ts';
import { IN_MEMORY, type OpenedEngine, openEngine } from './store/open-engine.ts';

/** Heartbeats in the time after which hosts fence: a line that is given up must be long dead by then. */
const SELF_FENCE_BEATS_MIN = 6;
/** @throws ClusterError one clause that says why it cannot start; nothing is left running then */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const undo: (() => Promise<void> | void)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll(undo, options.logger);
    return closing;
  };
  try {
    requireTimeToFence(options.settings);
    const stores = await openStores(options, undo);
    const parts = createParts(options, stores, undo);
    return { ...(await openDoors(options, stores, parts, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws ClusterError invalid SELF_FENCE_TOO_SHORT */
function requireTimeToFence({ heartbeatMs, selfFenceMs = SELF_FENCE_DEFAULT_MS }: ControllerSettings): void {
  if (selfFenceMs >= heartbeatMs * SELF_FENCE_BEATS_MIN) return;
  throw new ClusterError(
    'invalid',
    'SELF_FENCE_TOO_SHORT',
    'hosts would fence before they miss a heartbeat',
    {
      hint: `make --self-fence at least ${SELF_FENCE_BEATS_MIN} times --heartbeat-period`,
      fields: [{ path: 'selfFence', reason: `must be at least ${SELF_FENCE_BEATS_MIN} heartbeat periods` }],
    },
  );
}

async function closeAll(undo: (() => Promise<void> | void)[], logger: Logger): Promise<void> {
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (error) {
      logger.error('a part failed to close', { error });
    }
  }
}

async function openStores(options: ControllerOptions, undo: (() => Promise<void> | void)[]): Promise<Stores> {
  const { settings, clock, ids, logger, onFatal } = options;
  const { folder, allowVolatileStore } = settings;
  // The engine first: it takes the folder's lock, and what follows may then write there.
  if (settings.inMemory === true) await mkdir(folder, { recursive: true, mode: SECRET_FOLDER_MODE });
  const engine = await openEngine({
    folder: settings.inMemory === true ? IN_MEMORY : folder,
    clock,
    ids,
    rng: options.rng.split('engine'),
    logger: logger.child('store'),
    allowVolatileStore,
    ...(settings.disk === undefined ? {} : { disk: settings.disk }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onFatal,
  });
  undo.push(() => engine.close());
  const tls = await ensureTlsMaterial({ folder: join(folder, 'tls'), names: settings.tlsNames, clock });
  if (tls.renewed !== 'none') logger.child('tls').info('certificates were made', { renewed: tls.renewed });
  const tokens = await openTokens(folder, ids, createUserTokens(engine, clock));
  const directory = await openDirectoryBlobStore({ folder: join(folder, 'blobs'), clock });
  const blobs = refuseWithoutRoom(directory, () => engine.disk?.objection(true));
  return { engine, blobs, tokens, tls };
}

function createParts(
  options: ControllerOptions,
  stores: Stores,
  undo: (() => Promise<void> | void)[],
): Parts {
  const { clock, logger, settings } = options;
  const { engine, blobs } = stores;
  const liveness = createLiveness(clock, settings.lostAfterMs);
  undo.push(() => liveness.close());
  const verdicts = watchLostHosts({ engine, liveness, clock, logger: logger.child('effects') });
  undo.push(() => verdicts.close());
  const { planning, askPlanner, recovery, readyHosts } = createPlanning(options, engine, liveness, undo);
  const parts: { httpPort: number } = { httpPort: 0 };
  const secretsLogger = logger.child('secrets');
  const link = createAgentLink({
    engine,
    clock,
    logger: logger.child('agents'),
    liveness,
    resolveSecrets: (spec) =>
      resolveSecrets({ engine, open: engine.sealer.open, logger: secretsLogger }, spec),
    terms: {
      heartbeatMs: settings.heartbeatMs,
      selfFenceMs: settings.selfFenceMs ?? SELF_FENCE_DEFAULT_MS,
      httpPort: () => parts.httpPort,
    },
    proofs: createHistoryProofs(stores.tls.authority.keyPem, engine),
    ...(recovery === undefined ? {} : { keeper: recovery }),
  });
  undo.push(() => link.close());
  const tickets = createDataTickets(clock, options.ids);
  link.onDataConnectionFailed((connectionId, message) => tickets.failed(connectionId, message));
  link.onSessionLost((hostId) => tickets.hostLost(hostId));
  const connections = createDataConnections({
    tickets,
    askToDial: link.requestDataConnection,
    clock,
    logger: logger.child('http'),
  });
  undo.push(() => connections.close());
  const hub = createChangeHub(engine, clock);
  undo.push(() => hub.close());
  const sweeper = createBlobSweeper({ engine, blobs: toDeletedBlobs(blobs), logger: logger.child('blobs') });
  undo.push(() => sweeper.close());
  const retention = createJobRetention({
    engine,
    keptMax: settings.finishedJobsMax ?? 0,
    clock,
    logger: logger.child('retention'),
  });
  undo.push(() => retention.close());
  const dependentEnds = createDependentEnds({ engine, clock, logger: logger.child('effects') });
  undo.push(() => dependentEnds.close());
  const telemetry = createTelemetryBoard();
  const { enrolment, attempts, door } = openGate(options, stores);
  undo.push(() => door.close());
  const watch = enrolment.watch(link);
  undo.push(() => watch.close());
  const identities = { door, enrolment, attempts };
  const plans = { planning, askPlanner, readyHosts };
  const made = {
    ...identities,
    ...plans,
    liveness,
    telemetry,
    link,
    tickets,
    connections,
    hub,
    sweeper,
    retention,
    dependentEnds,
  };
  return Object.assign(parts, made);
}

/** Who failed to show a good token or certificate too often from one address is told to wait. */
function openGate(
  { settings, clock, ids, logger }: ControllerOptions,
  { engine, tokens, tls }: Stores,
): Pick<Parts, 'enrolment' | 'attempts' | 'door'> {
  const { agentCertificateLifeMs: lifeMs, agentCertificateGraceMs: graceMs } = settings;
  const attempts = createAttemptLimit(clock);
  const own = { engine, tls, clock, ids, lifeMs, graceMs };
  const enrolment = createEnrolment({ ...own, logger: logger.child('agents') });
  const door = createDoor({ engine, clock, identify: enrolment.identifyWith(tokens, attempts) });
  return { enrolment, attempts, door };
}

interface Planning {
  readonly planning: PlanningLoop;
  /** For questions. */
  readonly askPlanner: Planner;
  /** Present after a restore. */
  readonly recovery: RecoveryPhase | undefined;
  /** Hosts that may get work. */
  readonly readyHosts: () => ReadonlySet<HostId>;
}

function createPlanning(
  { clock, logger, rng, settings, ...options }: ControllerOptions,
  engine: OpenedEngine,
  liveness: Liveness,
  undo: (() => Promise<void> | void)[],
): Planning {
  const mark = engine.recovery;
  const recovery =
    mark === undefined
      ? undefined
      : createRecovery({
          engine,
          readyHosts: liveness.readyHosts,
          clock,
          logger: logger.child('effects'),
          onOpen: () => planning.wake(),
          onDone: () => mark.finish(),
        });
  if (recovery !== undefined) undo.push(() => recovery.close());
  const readyHosts = recovery === undefined ? liveness.readyHosts : () => recovery.readyHosts();
  const memory = new PlannerMemory();
  const planner = options.planner ?? createPlanner(memory);
  const asked = options.planner ?? createQuestionPlanner(memory);
  const planning = createPlanningLoop({
    engine,
    planner: recovery === undefined ? planner : recovery.guard(planner),
    readyHosts,
    clock,
    rng: rng.split('planning'),
    logger: logger.child('effects'),
    ...(settings.selfFenceMs === undefined ? {} : { selfFenceMs: settings.selfFenceMs }),
  });
  liveness.onChange(() => planning.wake());
  undo.push(() => planning.close());
  return {
    planning,
    recovery,
    readyHosts,
    askPlanner: recovery === undefined ? asked : recovery.guard(asked),
  };
}

function toDeletedBlobs(blobs: BlobStore): Parameters<typeof createBlobSweeper>[0]['blobs'] {
  return {
    removeProject: (projectId) => blobs.remove(projectPrefix(projectId)),
    removeJob: (projectId, jobId) => blobs.remove(jobPrefix(projectId, jobId)),
    listProjects: () => blobs.folders(PROJECTS_PREFIX),
    listJobs: (projectId) => blobs.folders(jobsPrefix(projectId)),
  };
}
