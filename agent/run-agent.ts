/**
 * Wires one agent: journal and identity first, then drivers and what they hold, then the line to the
 * controller. Everything that is opened here is closed here, in reverse; tasks go on.
 */

import { uptime } from 'node:os';
import { DISK_FULL } from '../proto/domain/catalog.ts';
import { type HostId, parseTaskName, toTaskName } from '../proto/domain/ids.ts';
import { ClusterError } from '../proto/errors/cluster-error.ts';
import type { Clock, IdSource, Logger, Rng } from '../proto/ports/index.ts';
import { openChannel } from '../proto/rpc/channel.ts';
import { SESSION_LIMITS } from '../proto/rpc/limits.ts';
import { readTextFile, writeFileAtomically } from '../proto/runtime/durable-file.ts';
import { toFileError } from '../proto/runtime/file-error.ts';
import { prepareFolder } from '../proto/runtime/folder-fitness.ts';
import type { Lifecycle } from '../proto/runtime/lifecycle.ts';
import type { AgentConfig } from './config.ts';
import type { Driver } from './core/driver-port.ts';
import type { Journal } from './core/journal-port.ts';
import { type AgentLayout, toLayout, toTaskFolders } from './core/layout.ts';
import type { LogStore } from './core/log-port.ts';
import { type ControllerTrust, openTrust } from './host-trust.ts';
import { createDataServer } from './ingress/data-server.ts';
import { openJournal } from './journal/journal.ts';
import { createLogStore } from './journal/log-store.ts';
import { openDrivers } from './open-drivers.ts';
import { readDisk, startDiskWatch } from './probe/disk-watch.ts';
import { readHostFacts, toCapacity } from './probe/host-facts.ts';
import { createHostTelemetry, systemReadings } from './probe/host-telemetry.ts';
import type { ProbedGpu } from './probe/probe-port.ts';
import { selectGpuProbe } from './probe/select-probe.ts';
import { type ConditionBoard, createConditionBoard } from './session/condition-board.ts';
import { createDataConnections, type DataConnections } from './session/data-connection.ts';
import { startRenewal } from './session/enrol/renewal.ts';
import { type InventorySource, openInventorySource } from './session/inventory-source.ts';
import { startOutputWatch } from './session/output-watch.ts';
import { createReporter, type Reporter } from './session/reporter.ts';
import { type Session, startSession } from './session/session.ts';
import { createSupervisor, type Supervisor } from './session/supervisor.ts';
import { startTelemetry } from './session/telemetry-stream.ts';
import { createArtifactUpload } from './storage/artifact-upload.ts';
import { type ControllerHttp, createControllerHttp } from './storage/controller-http.ts';
import { makeDataFolder, openHostId, sweepTaskFolders } from './storage/data-folder.ts';
import { startFolderThread } from './storage/folder-thread.ts';
import { DEFAULT_GIT_LIMITS } from './storage/git-workspace.ts';
import { createTaskStorage } from './storage/task-storage.ts';
import { createWorkspaceCache } from './storage/workspace-cache.ts';

export interface AgentProcess {
  readonly config: AgentConfig;
  /** Absolute path of the data folder. */
  readonly root: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

const GPUS_BYTES_MAX = 1024 * 1024;
/** Tasks of other users pass through; what is inside is each of its own mode. */
const ROOT_MODE = 0o755;

/**
 * Starts the agent; it runs until the lifecycle closes it.
 *
 * @throws ClusterError when the configuration, the data folder or a driver does not allow it
 */
export async function runAgent(input: AgentProcess): Promise<void> {
  const { lifecycle, logger } = input;
  const layout = toLayout(input.root);
  const host = await openHost(input, layout);
  const { trust } = host;
  const tasks = await openTasks(input, layout, trust, host);
  const line = await openLine(input, layout, trust, { ...host, ...tasks });
  host.link.session = line;
  lifecycle.onClose('session', () => line.close());
  const { hostId, drivers } = host;
  logger.info('agent is up', { hostId, drivers: drivers.map(({ name }) => name) });
}

/** What is known only later: conditions and reports may be raised before the line is there. */
interface Link {
  session: Session | undefined;
  reporter: Reporter | undefined;
  httpPort: number | undefined;
}

type HostFacts = Awaited<ReturnType<typeof readHostFacts>>;

interface OpenHost {
  readonly trust: ControllerTrust;
  readonly facts: HostFacts;
  readonly hostId: HostId;
  readonly link: Link;
  readonly conditions: ConditionBoard;
  readonly journal: Journal;
  readonly drivers: readonly Driver[];
  readonly processIsolationAdvisory: boolean;
}

/** Identity, journal and drivers. The journal's lock comes first: it keeps a second agent out. */
async function openHost(input: AgentProcess, layout: AgentLayout): Promise<OpenHost> {
  const { config, clock, ids, logger, environment, lifecycle } = input;
  if (await prepareFolder(layout.root, config.allowVolatileStore, ROOT_MODE)) {
    logger.warn('the data folder lies in memory: a reboot forgets what ran', { folder: layout.root });
  }
  await makeDataFolder(layout);
  const link: Link = { session: undefined, reporter: undefined, httpPort: undefined };
  const conditions = createConditionBoard(clock, () => link.session?.inventoryChanged());
  const journal = await openJournal({
    path: layout.journal,
    logger: logger.child('journal'),
    clock,
    mintStateId: () => ids.token(),
    onTrouble: (code) => {
      if (code === undefined) conditions.clear('JOURNAL_FAILED');
      else conditions.raise('JOURNAL_FAILED', `the journal cannot be written (${code})`);
    },
  });
  lifecycle.onClose('journal', () => journal.close());
  await watchDisk(input, layout, conditions);
  const trust = await openTrust({ ...input, layout, logger: logger.child('session') });
  const facts = await readHostFacts(layout.root);
  const hostId = await openHostId(layout, () => ids.mint('host'));
  const searchPath = environment['PATH'] ?? '';
  const onStageTrouble = (reason: string | undefined): void => {
    const message = `starts of processes are slower: what all views share cannot be mounted (${reason})`;
    if (reason === undefined) conditions.clear('VIEW_STAGE_FAILED');
    else conditions.raise('VIEW_STAGE_FAILED', message);
  };
  const selected = await openDrivers({
    config,
    layout,
    hostId,
    clock,
    logger,
    searchPath,
    onStageTrouble,
  });
  const { drivers, processIsolationAdvisory } = selected;
  lifecycle.onClose('drivers', async () => {
    await Promise.all(drivers.map((driver) => driver.close()));
  });
  return { trust, facts, hostId, link, conditions, journal, drivers, processIsolationAdvisory };
}

/** Before the first hello, so that a host that starts with a full disk is never offered as one with room. */
async function watchDisk(
  { config, clock, lifecycle }: AgentProcess,
  layout: AgentLayout,
  conditions: ConditionBoard,
): Promise<void> {
  const watch = await startDiskWatch({
    read: () => readDisk(layout.root),
    floorBytes: config.diskFreeMin,
    clock,
    onChange(isFull) {
      if (isFull) conditions.raise(DISK_FULL, 'the disk of the data folder is full');
      else conditions.clear(DISK_FULL);
    },
  });
  lifecycle.onClose('disk', async () => watch.close());
}

interface OpenTasks {
  readonly supervisor: Supervisor;
  readonly logs: LogStore;
}

/** Logs, storage and the supervisor, which takes up what a former life of the agent left running. */
async function openTasks(
  input: AgentProcess,
  layout: AgentLayout,
  trust: ControllerTrust,
  host: OpenHost,
): Promise<OpenTasks> {
  const { clock, rng, logger, lifecycle } = input;
  const { link, journal } = host;
  const logs = createLogStore({ folderOf: (name) => logFolderOf(layout, name), clock });
  lifecycle.onClose('logs', () => logs.close());
  const address = () => toTarget(trust, link.httpPort);
  const http = createControllerHttp({ address, certificate: trust.certificate, ...nameOf(trust) });
  lifecycle.onClose('http', () => http.close());
  const storage = openStorage(input, layout, http);
  const supervisor = createSupervisor({
    ...host,
    bootId: host.facts.bootId,
    clusterId: () => link.session?.clusterId ?? journal.content.meta.clusterId,
    storage,
    logs,
    clock,
    rng,
    logger: logger.child('session'),
    onDirty: (name) => link.reporter?.markDirty(name),
    onAbsence: () => link.reporter?.refresh(),
    onMassStop: () => link.session?.massStopChanged(),
    onBug: (error) => lifecycle.crash(error),
  });
  lifecycle.onClose('tasks', () => supervisor.close());
  await supervisor.recover();
  const known = new Set(supervisor.observations().map(({ key }) => toTaskName(key)));
  await sweepTaskFolders(layout, (name) => known.has(name));
  const watch = startOutputWatch({ supervisor, storage, clock, logger: logger.child('artifacts') });
  lifecycle.onClose('outputs', () => watch.close());
  return { supervisor, logs };
}

/** The control lane with its reports, telemetry beside it, and data connections on demand. */
async function openLine(
  input: AgentProcess,
  layout: AgentLayout,
  trust: ControllerTrust,
  host: OpenHost & OpenTasks,
): Promise<Session> {
  const { config, clock, rng, ids, logger, lifecycle } = input;
  const { facts, hostId, link, journal, supervisor } = host;
  const inventory = await openInventory(input, layout, host);
  const reporter = createReporter({
    journal,
    clock,
    logger: logger.child('session'),
    observe: (name) => supervisor.observe(name),
    revisionApplied: () => supervisor.appliedRevision,
  });
  link.reporter = reporter;
  const renewal = startRenewal({
    ...trust,
    current: trust.certificate,
    openChannel: () => openControllerChannel(input, trust),
    clock,
    rng,
    logger: logger.child('session'),
  });
  lifecycle.onClose('certificate', () => renewal.close());
  const dataConnections = openDataConnections(input, trust, host);
  const openLane = () => openControllerChannel(input, trust);
  const session = startSession({
    identity: {
      hostId,
      hostName: config.name,
      bootId: facts.bootId,
      sessionId: ids.token(),
      agentVersion: input.version,
    },
    inventory: () => inventory.current(),
    openChannel: openLane,
    supervisor,
    reporter,
    journal,
    clock,
    uptimeMs: () => uptime() * 1_000,
    rng,
    logger: logger.child('session'),
    onWelcome: (port) => {
      link.httpPort = port;
    },
    openDataConnection: (connectionId, ticket) => dataConnections.open(connectionId, ticket),
  });
  const telemetry = startTelemetry({
    openChannel: openLane,
    collect: () => inventory.collect(),
    connected: () => session.connected,
    clock,
    logger: logger.child('telemetry'),
  });
  lifecycle.onClose('telemetry', () => telemetry.close());
  return session;
}

function openDataConnections(
  { clock, logger, lifecycle }: AgentProcess,
  trust: ControllerTrust,
  { hostId, link, supervisor, logs }: OpenHost & OpenTasks,
): DataConnections {
  const server = createDataServer({
    logs,
    findRunning(name) {
      const found = supervisor.findRunning(name);
      return found === undefined ? undefined : { driver: found.driver, key: found.entry.key };
    },
    logger: logger.child('ingress'),
  });
  const connections = createDataConnections({
    hostId,
    target: () => toTarget(trust, link.httpPort),
    server,
    clock,
  });
  lifecycle.onClose('data connections', () => connections.close());
  return connections;
}

function toTarget(trust: ControllerTrust, port: number | undefined) {
  if (port === undefined) return undefined;
  return { ...trust.certificate(), ...nameOf(trust), host: trust.host, port };
}

function nameOf({ serverName }: ControllerTrust): { readonly serverName?: string } {
  return serverName === undefined ? {} : { serverName };
}

function logFolderOf(layout: AgentLayout, name: string): string {
  const key = parseTaskName(name);
  if (key === undefined) throw new ClusterError('bug', 'TASK_NAME_INVALID', 'a task name is not one of ours');
  return toTaskFolders(layout, key).log;
}

/** With the certificate of this moment: the next channel takes the next one. */
function openControllerChannel({ clock, rng }: AgentProcess, trust: ControllerTrust) {
  const { caPem, certPem, keyPem } = trust.certificate();
  const tls = { caPem, certPem, keyPem, ...nameOf(trust) };
  return openChannel({ address: trust.address, tls, clock, rng, limits: SESSION_LIMITS });
}

function openStorage(
  { config, clock, rng, logger, environment, lifecycle }: AgentProcess,
  layout: AgentLayout,
  http: ControllerHttp,
) {
  const folderThread = startFolderThread({ trash: layout.scratch, spares: layout.spares });
  lifecycle.onClose('folders', () => folderThread.close());
  const searchPath = environment['PATH'] ?? DEFAULT_GIT_LIMITS.searchPath;
  return createTaskStorage({
    layout,
    http,
    folderThread,
    cache: createWorkspaceCache({ folder: layout.workspaceCache, http, clock, rng }),
    artifacts: createArtifactUpload({ http, clock, rng, logger: logger.child('artifacts') }),
    git: { ...DEFAULT_GIT_LIMITS, allowFile: config.gitAllowFile, searchPath },
    signal: lifecycle.signal,
  });
}

/** GPUs known from before are read and written here, so that a GPU lost during a restart is still missed. */
async function openInventory(
  { config, clock, environment, logger }: AgentProcess,
  layout: AgentLayout,
  { hostId, drivers, processIsolationAdvisory, facts, conditions, link }: OpenHost,
): Promise<InventorySource> {
  const gpusFile = `${layout.root}/known-gpus.json`;
  const known = await readTextFile(gpusFile, GPUS_BYTES_MAX);
  const remembered = known === undefined ? [] : parseKnownGpus(known);
  const probe = await selectGpuProbe({
    mode: config.gpuProbe,
    nvidiaSmiPath: config.nvidiaSmi,
    clock,
    environment,
    ...(config.simulatedGpus > 0 ? { simulated: { count: config.simulatedGpus, seed: hostId } } : {}),
    // Simulated GPUs are no hardware that could get lost.
    ...(config.simulatedGpus > 0 ? {} : { remembered: { gpus: remembered, conditions: [] } }),
  });
  const telemetry = createHostTelemetry({ clock, readings: systemReadings(layout.root) });
  return openInventorySource({
    hostId,
    base: {
      // A fake takes what is placed for the real ones, and says in the list what it is.
      drivers: drivers.flatMap(({ name }) => (name === 'fake' ? ['fake', 'docker', 'process'] : [name])),
      labels: config.labels,
      os: facts.os,
      architecture: facts.architecture,
      portFirst: config.portFirst,
      portLast: config.portLast,
      processIsolationAdvisory,
    },
    look: () => probe.collect(),
    capacityOf: (look) => toCapacity(facts, { gpus: look.gpus as readonly ProbedGpu[] }),
    hostTelemetry: () => telemetry.collect(),
    conditions: () => conditions.list(),
    onChange: () => link.session?.inventoryChanged(),
    onGpus: (look) => {
      const real = look.gpus.filter(({ simulated }) => !simulated);
      if (real.length === 0) return;
      writeFileAtomically(gpusFile, JSON.stringify(real)).catch((error: unknown) => {
        logger.warn('known GPUs could not be written', { code: toFileError(error, gpusFile).code });
      });
    },
  });
}

/** A damaged file only means that GPUs lost during the restart are not missed. */
function parseKnownGpus(text: string): readonly ProbedGpu[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as readonly ProbedGpu[]) : [];
  } catch {
    return [];
  }
}
