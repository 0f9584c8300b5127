/**
 * Builds a whole controller out of its parts and opens its doors: the composition that main.ts runs as a process and
 * tests run inside theirs.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SELF_FENCE_DEFAULT_MS } from '../proto/domain/fencing.ts';
import type { HostId } from '../proto/domain/ids.ts';
import { PACKAGE_VERSION } from '../proto/domain/version.ts';
import { ClusterError } from '../proto/errors/cluster-error.ts';
import type { Clock, IdSource, Logger } from '../proto/ports/index.ts';
import { SECRET_FOLDER_MODE, writeFileAtomically } from '../proto/runtime/durable-file.ts';
import type { SplittableRng } from '../proto/runtime/rng.ts';
import { jobPrefix, jobsPrefix, PROJECTS_PREFIX, projectPrefix } from './blobs/blob-layout.ts';
import type { BlobStore } from './blobs/blob-store.ts';
import { openDirectoryBlobStore } from './blobs/directory-blob-store.ts';
import { refuseWithoutRoom } from './blobs/refuse-without-room.ts';
import { planFirstFit } from './core/placement/first-fit.ts';
import type { Planner } from './core/planner.ts';
import { type AgentLink, createAgentLink } from './effects/agent-link/agent-link.ts';
import { createHistoryProofs } from './effects/agent-link/history-proof.ts';
import { type BlobSweeper, createBlobSweeper } from './effects/blob-sweeper.ts';
import { createDependentEnds, type DependentEnds } from './effects/dependent-ends.ts';
import { createJobRetention, type JobRetention } from './effects/job-retention.ts';
import { createLiveness, type Liveness } from './effects/liveness.ts';
import { watchLostHosts } from './effects/lost-hosts.ts';
import { createPlanningLoop, type PlanningLoop } from './effects/planning-loop.ts';
import { createRecovery, type RecoveryPhase } from './effects/recovery.ts';
import { resolveSecrets } from './effects/resolve-secrets.ts';
import { createTelemetryBoard, type TelemetryBoard } from './effects/telemetry-board.ts';
import { createAgentRoutes } from './http/agent-routes.ts';
import { createClientRoutes } from './http/client-routes.ts';
import { createDataConnections, type DataConnections } from './http/data-connections.ts';
import { createDataTickets, type DataTickets } from './http/data-tickets.ts';
import { createHttpListener, type HttpListener } from './http/http-listener.ts';
import { createRouter } from './http/router.ts';
import { createTaskRequests } from './http/task-requests.ts';
import { openWorkspaceUploads } from './http/workspace-uploads.ts';
import { type AttemptLimit, createAttemptLimit } from './rpc/auth/attempt-limit.ts';
import { createDoor, type Door } from './rpc/auth/door.ts';
import { openTokens, type Tokens } from './rpc/auth/tokens.ts';
import { createUserTokens } from './rpc/auth/user-tokens.ts';
import { createQuestionDesk } from './rpc/explain/question-desk.ts';
import { type ControllerRpc, createControllerRpc } from './rpc/rpc-server.ts';
import { CA_FILE, ensureTlsMaterial, type TlsMaterial } from './rpc/tls/tls-material.ts';
import { type ChangeHub, createChangeHub } from './rpc/watch/change-hub.ts';
import { createEnrolment, type Enrolment } from './start-enrolment.ts';
import type { DiskLimits } from './store/disk-guard.ts';
import { IN_MEMORY, type OpenedEngine, openEngine } from './store/open-engine.ts';

/** What decides where work goes. */
const DEFAULT_PLANNER = (): Planner => planFirstFit;
/** Heartbeats in the time after which hosts fence: a line that is given up must be long dead by then. */
const SELF_FENCE_BEATS_MIN = 6;
/** Time that running calls and answers get at the end. */
export const CLOSE_GRACE_MS = 2_000;

export interface ControllerSettings {
  /** The controller's own folder (absolute): log, blobs, tokens, certificates. */
  readonly folder: string;
  /** The cluster's state ends with the process; blobs and tokens still lie in `folder`. For tests. */
  readonly inMemory?: boolean;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly tlsNames: readonly string[];
  readonly allowVolatileStore: boolean;
  readonly disk?: DiskLimits;
  readonly workspaceBytesMax: number;
  readonly artifactBytesMax: number;
  readonly heartbeatMs: number;
  /** 0: all are kept. */
  readonly finishedJobsMax?: number;
  /** Default: LOST_AFTER_MS. */
  readonly lostAfterMs?: number;
  /** Default: SELF_FENCE_DEFAULT_MS. */
  readonly selfFenceMs?: number;
  /** Default: CERTIFICATE_LIFE_MS. */
  readonly agentCertificateLifeMs?: number;
  /** Default: CERTIFICATE_GRACE_MS. */
  readonly agentCertificateGraceMs?: number;
}

export interface ControllerOptions {
  readonly settings: ControllerSettings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly rng: SplittableRng;
  readonly logger: Logger;
  /** Makes one for the planning loop and one for each question about it; default: {@link DEFAULT_PLANNER}. */
  readonly newPlanner?: () => Planner;
  /** Memory and disk may differ, or another leads: log, flush, exit. */
  readonly onFatal: (error: ClusterError) => void;
}

export interface Controller {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly tokens: Tokens;
  readonly engine: OpenedEngine;
  readonly blobs: BlobStore;
  /** Stops planning, ends calls, commits what was submitted, closes the store. Idempotent. */
  close(): Promise<void>;
}

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

interface Stores {
  readonly engine: OpenedEngine;
  readonly blobs: BlobStore;
  readonly tokens: Tokens;
  readonly tls: TlsMaterial;
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

interface Parts {
  readonly door: Door;
  readonly enrolment: Enrolment;
  readonly attempts: AttemptLimit;
  readonly liveness: Liveness;
  readonly telemetry: TelemetryBoard;
  readonly planning: PlanningLoop;
  readonly readyHosts: () => ReadonlySet<HostId>;
  readonly link: AgentLink;
  readonly tickets: DataTickets;
  readonly connections: DataConnections;
  readonly hub: ChangeHub;
  readonly sweeper: BlobSweeper;
  readonly retention: JobRetention;
  readonly dependentEnds: DependentEnds;
  /** Set once the HTTP port is known. */
  httpPort: number;
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
  const { planning, recovery, readyHosts } = createPlanning(options, engine, liveness, undo);
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
  const dependentEnds = createDependentEnds({ engine, clock, logger: logger.child('jobs') });
  undo.push(() => dependentEnds.close());
  const telemetry = createTelemetryBoard();
  const { enrolment, attempts, door } = openGate(options, stores);
  undo.push(() => door.close());
  const watch = enrolment.watch(link);
  undo.push(() => watch.close());
  const identities = { door, enrolment, attempts };
  const made = {
    ...identities,
    liveness,
    telemetry,
    planning,
    readyHosts,
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
  /** Present after a restore. */
  readonly recovery: RecoveryPhase | undefined;
  /** Hosts that may get work. */
  readonly readyHosts: () => ReadonlySet<HostId>;
}

function createPlanning(
  { clock, logger, rng, newPlanner = DEFAULT_PLANNER, settings }: ControllerOptions,
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
  const planning = createPlanningLoop({
    engine,
    planner: recovery === undefined ? newPlanner() : recovery.guard(newPlanner()),
    readyHosts,
    clock,
    rng: rng.split('planning'),
    logger: logger.child('effects'),
    ...(settings.selfFenceMs === undefined ? {} : { selfFenceMs: settings.selfFenceMs }),
  });
  liveness.onChange(() => planning.wake());
  undo.push(() => planning.close());
  return { planning, recovery, readyHosts };
}

function toDeletedBlobs(blobs: BlobStore): Parameters<typeof createBlobSweeper>[0]['blobs'] {
  return {
    removeProject: (projectId) => blobs.remove(projectPrefix(projectId)),
    removeJob: (projectId, jobId) => blobs.remove(jobPrefix(projectId, jobId)),
    listProjects: () => blobs.folders(PROJECTS_PREFIX),
    listJobs: (projectId) => blobs.folders(jobsPrefix(projectId)),
  };
}

async function openDoors(
  options: ControllerOptions,
  stores: Stores,
  parts: Parts,
  undo: (() => Promise<void> | void)[],
): Promise<Omit<Controller, 'close'>> {
  const { settings, logger } = options;
  const { engine, blobs, tokens, tls } = stores;
  const rpc = createRpc(options, stores, parts);
  let serving = false;
  const http = await createHttp(options, stores, parts, () => serving);
  const [httpHost, httpWanted] = splitAddress(settings.httpAddress);
  const [grpcHost] = splitAddress(settings.grpcAddress);
  undo.push(() => http.close(CLOSE_GRACE_MS));
  parts.httpPort = await http.listen(httpHost, httpWanted);
  undo.push(() => rpc.server.close({ graceMs: CLOSE_GRACE_MS }));
  const grpcPort = await rpc.server.listen(settings.grpcAddress);
  // After a restore blobs may belong to jobs that the backup is too old to know: they are swept once that is over.
  if (engine.recovery === undefined) await parts.sweeper.sweep();
  const addresses = {
    grpcAddress: joinAddress(grpcHost, grpcPort),
    httpAddress: joinAddress(httpHost, parts.httpPort),
    caFile: join(settings.folder, 'tls', CA_FILE),
  };
  const { grpcAddress: grpc, httpAddress, caFile } = addresses;
  const told = { grpc, http: httpAddress, caFile, pid: process.pid };
  await writeFileAtomically(join(settings.folder, 'addresses.json'), `${JSON.stringify(told)}\n`);
  setServing(rpc, true);
  serving = true;
  undo.push(() => {
    serving = false;
    setServing(rpc, false);
  });
  parts.planning.wake();
  void parts.retention.look();
  void parts.dependentEnds.look();
  logger.info('controller is ready', {
    grpc,
    http: httpAddress,
    epoch: engine.epoch,
    clusterId: engine.clusterId,
  });
  return { ...addresses, caPem: tls.caPem, tokens, engine, blobs };
}

function createRpc(options: ControllerOptions, stores: Stores, parts: Parts): ControllerRpc {
  const { engine, blobs } = stores;
  const { liveness, telemetry, link } = parts;
  return createControllerRpc({
    tls: parts.enrolment.serverTls,
    door: parts.door,
    enrol: parts.enrolment.ports,
    logger: options.logger.child('rpc'),
    agents: {
      serveSession: link.serve,
      acceptTelemetry: telemetry.accept,
      isConnected: link.isConnected,
    },
    admin: {
      engine,
      maintenance: engine.maintenance,
      isConnected: link.isConnected,
      isRecovering: () => engine.recovery !== undefined,
      serverVersion: PACKAGE_VERSION,
    },
    ports: {
      engine,
      blobs,
      hub: parts.hub,
      connections: createTaskRequests(parts.connections),
      live: {
        stateOf: liveness.stateOf,
        lastSeenMs: liveness.lastSeenMs,
        telemetry: telemetry.find,
        conditions: link.conditions,
      },
      confirmStop: link.confirmStop,
      readyHosts: parts.readyHosts,
      waitReason: parts.planning.waitReason,
      newPlanner: options.newPlanner ?? DEFAULT_PLANNER,
      questions: createQuestionDesk(options.clock),
      seal: engine.sealer.seal,
      clock: options.clock,
      rng: options.rng.split('rpc'),
      ids: options.ids,
      serverVersion: PACKAGE_VERSION,
      httpPort: () => parts.httpPort,
    },
  });
}

async function createHttp(
  { settings, clock, logger }: ControllerOptions,
  { engine, blobs }: Stores,
  parts: Parts,
  isServing: () => boolean,
): Promise<HttpListener> {
  const folder = join(settings.folder, 'uploads');
  const sizeMax = settings.workspaceBytesMax;
  const uploads = await openWorkspaceUploads({ folder, blobs, sizeMax, clock });
  const { artifactBytesMax } = settings;
  const serve = createRouter({
    routes: [
      ...createClientRoutes({ engine, blobs, uploads, isServing }),
      ...createAgentRoutes({ engine, blobs, artifactBytesMax }),
    ],
    door: parts.door,
    logger: logger.child('http'),
  });
  const { enrolment, tickets, attempts } = parts;
  const acceptData = enrolment.acceptData(tickets, attempts);
  return createHttpListener({
    tls: enrolment.serverTls,
    serve,
    acceptData,
    logger: logger.child('http'),
  });
}

function setServing({ health, server }: ControllerRpc, serving: boolean): void {
  for (const service of ['', ...server.serviceNames]) health.set(service, serving);
}

/** `[::1]:7350` and `host:7350`; the form was checked with the configuration. */
function splitAddress(address: string): [host: string, port: number] {
  const at = address.lastIndexOf(':');
  return [address.slice(0, at).replace(/^\[|\]$/g, ''), Number(address.slice(at + 1))];
}

function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
