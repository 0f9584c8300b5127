/**
 * The doors of a controller: its gRPC and its HTTP port over the parts that answer behind them, opened last, when
 * everything behind them stands.
 */
import { join } from 'node:path';
import type { HostId } from '../proto/domain/ids.ts';
import { PACKAGE_VERSION } from '../proto/domain/version.ts';
import type { ConnectionLimits } from '../proto/rpc/connection-limits.ts';
import { writeFileAtomically } from '../proto/runtime/durable-file.ts';
import type { BlobStore } from './blobs/blob-store.ts';
import type { Controller, ControllerOptions, ControllerSettings } from './controller-options.ts';
import type { Planner } from './core/planner.ts';
import type { AgentLink } from './effects/agent-link/agent-link.ts';
import type { BlobSweeper } from './effects/blob-sweeper.ts';
import type { DependentEnds } from './effects/dependent-ends.ts';
import type { JobRetention } from './effects/job-retention.ts';
import type { Liveness } from './effects/liveness.ts';
import type { PlanningLoop } from './effects/planning-loop.ts';
import type { TelemetryBoard } from './effects/telemetry-board.ts';
import { createAgentRoutes } from './http/agent-routes.ts';
import { createClientRoutes } from './http/client-routes.ts';
import type { DataConnections } from './http/data-connections.ts';
import type { DataTickets } from './http/data-tickets.ts';
import { createHttpListener, type HttpListener } from './http/http-listener.ts';
import { createRouter } from './http/router.ts';
import { createTaskRequests } from './http/task-requests.ts';
import { openWorkspaceUploads } from './http/workspace-uploads.ts';
import type { AttemptLimit } from './rpc/auth/attempt-limit.ts';
import type { Door } from './rpc/auth/door.ts';
import type { Tokens } from './rpc/auth/tokens.ts';
import { createQuestionDesk } from './rpc/explain/question-desk.ts';
import { type ControllerRpc, createControllerRpc } from './rpc/rpc-server.ts';
import { CA_FILE, type TlsMaterial } from './rpc/tls/tls-material.ts';
import type { ChangeHub } from './rpc/watch/change-hub.ts';
import type { Enrolment } from './start-enrolment.ts';
import type { OpenedEngine } from './store/open-engine.ts';

/** Time that running calls and answers get at the end. */
const CLOSE_GRACE_MS = 2_000;

/** What is kept. */
export interface Stores {
  readonly engine: OpenedEngine;
  readonly blobs: BlobStore;
  readonly tokens: Tokens;
  readonly tls: TlsMaterial;
}

/** What works on it. */
export interface Parts {
  readonly door: Door;
  readonly enrolment: Enrolment;
  readonly attempts: AttemptLimit;
  readonly liveness: Liveness;
  readonly telemetry: TelemetryBoard;
  readonly planning: PlanningLoop;
  readonly askPlanner: Planner;
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

/** Listens on both ports and says where; what it opened is closed by `undo`. @throws ClusterError of the listeners */
export async function openDoors(
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
    recognise: parts.enrolment.recognise,
    connections: toConnectionLimits(options.settings),
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
      askPlanner: parts.askPlanner,
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
    connections: toConnectionLimits(settings),
    logger: logger.child('http'),
  });
}

function toConnectionLimits({ firstCallMs }: ControllerSettings): Partial<ConnectionLimits> {
  return firstCallMs === undefined ? {} : { firstCallTimeoutMs: firstCallMs };
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
