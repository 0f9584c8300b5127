/**
 * What the parts of a simulation see of one another: types only, so that no part has to import its neighbour.
 */
import type { Driver, DriverExit, StartedTask, TaskPlan } from '../../agent/core/driver-port.ts';
import type { Journal } from '../../agent/core/journal-port.ts';
import type { TaskRecord } from '../../agent/core/task-record.ts';
import type { Session } from '../../agent/session/session.ts';
import type { Supervisor } from '../../agent/session/supervisor.ts';
import type { Command, RequestMark } from '../../controller/core/command.ts';
import type { decide } from '../../controller/core/decide.ts';
import type { CommandOutcome, Engine } from '../../controller/core/engine.ts';
import type { Plan, PlanInput, Planner } from '../../controller/core/planner.ts';
import type { AgentLink } from '../../controller/effects/agent-link/agent-link.ts';
import type { Liveness } from '../../controller/effects/liveness.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import type { CommitLog, LogEntry } from '../../controller/store/commit-log.ts';
import type { MemoryDisk } from '../../controller/store/memory-log.ts';
import type { Gpu } from '../../proto/domain/catalog.ts';
import type { HostId, JobId, Principal, TaskKey } from '../../proto/domain/ids.ts';
import type { AgentMessage, ControllerEnvelope } from '../../proto/domain/session.ts';
import type { Logger } from '../../proto/ports/index.ts';
import type { SplittableRng } from '../../proto/runtime/rng.ts';
import type { Fault, SimOptions } from './options.ts';
import type { PlantedBug } from './planted-bugs.ts';
import type { SimEvent, SimProcess, World } from './world.ts';

export interface Behaviour {
  readonly runMs: number;
  readonly code: number;
  readonly ignoresTerm: boolean;
  readonly prints: boolean;
}

/** What a person wants, until it is answered. */
export interface Ask {
  /** Made anew for each try, in the process of the controller that serves it. */
  readonly make: (mark: RequestMark, controller: Controller) => Command;
  /** What an answer would name; absent: nobody looks at it. */
  readonly subject?: string;
  /** With every answer that says yes. */
  readonly accepted?: (outcome: CommandOutcome, requestId: string) => void;
  /** Once; undefined: it was refused for good. */
  readonly settled?: (outcome: CommandOutcome | undefined) => void;
}

export interface Container {
  readonly name: string;
  readonly key: TaskKey;
  readonly gpuUuids: readonly string[];
  readonly started: StartedTask;
  /** Virtual time of its start. */
  readonly beganMs: number;
  readonly ignoresTerm: boolean;
  exit: DriverExit | undefined;
  endEvent: SimEvent | undefined;
  killEvent: SimEvent | undefined;
  readonly onEnd: Set<() => void>;
}

export interface JournalDisk {
  latencyMs: number;
  failing: boolean;
  /** The disk is replaced. */
  wipe(): void;
  /** Notes the content, or puts back what was noted the last time; true when it put something back. */
  rollBack(): boolean;
  /** The process died; `power`: so did the machine, and what was not synced is lost. */
  crash(power: boolean): void;
  open(owner: SimProcess): Journal;
}

export interface Host {
  readonly id: HostId;
  readonly name: string;
  readonly sim: Cluster;
  readonly journalDisk: JournalDisk;
  readonly containers: Map<string, Container>;
  readonly lostGpus: Set<string>;
  /** Lost GPUs that a controller has been told about, and where its log ended then. */
  readonly toldLost: Map<string, number>;
  readonly gpuCount: number;
  readonly bootId: string;
  up: boolean;
  /** Of the certificate that its agent holds; 0: it never joined. */
  generation: number;
  wallOffsetMs: number;
  /** What the machine itself counts, by a clock that is a little off. */
  uptimeMs(): number;
  /** The container engine: `hung` answers nothing, `down` refuses. */
  engine: 'up' | 'hung' | 'down';
  /** Effects happen, answers do not come. */
  losesReplies: boolean;
  /** Virtual time before which tasks of this host may have been lost for a known reason. */
  excusedAtMs: number;
  /** Virtual time at which the newest heartbeat was sent whose answer reached the agent. */
  contactAtMs: number;
  /** Until then the journal is slow or refuses: what the agent heard may not count for it yet. */
  journalTroubleUntilMs: number;
  /** Something keeps the agent from acting for so long from now. */
  hinder(forMs: number): void;
  /** How long the agent was kept from acting since then. */
  hinderedMs(sinceMs: number): number;
  readonly onEngineTrouble: Set<() => void>;
  gpus(): readonly Gpu[];
  start(plan: TaskPlan): StartedTask;
  end(container: Container, how: { readonly code?: number; readonly signal: number }): void;
  stop(name: string, graceMs: number): void;
  remove(name: string): void;
  engineTrouble(state: 'hung' | 'down'): void;
}

export type Direction = 'up' | 'down';
export type Item<T> = { readonly message: T } | { readonly end: true };

export interface Pipe<T> {
  /** Nothing arrives any more, and nobody is told. */
  dead: boolean;
  send(item: Item<T>): void;
  room(): Promise<void>;
  flush(): void;
  cut(): readonly Item<T>[];
  break(): void;
  next(): Promise<Item<T>>;
}

export interface Lane {
  readonly host: Host;
  readonly controller: Controller;
  readonly up: Pipe<AgentMessage>;
  readonly down: Pipe<ControllerEnvelope>;
  readonly aborted: AbortController;
  agentClosed: boolean;
  /** At the door: nobody reads what comes over it. */
  refused: boolean;
  closeFromAgent(): void;
  incoming(): AsyncGenerator<AgentMessage>;
}

export interface Controller {
  readonly process: SimProcess;
  readonly ready: boolean;
  readonly engine: Engine;
  readonly liveness: Liveness;
  readonly link: AgentLink;
  wallOffsetMs: number;
  accept(lane: Lane): void;
}

export interface Agent {
  readonly process: SimProcess;
  readonly host: Host;
  readonly session: Session | undefined;
  readonly supervisor: Supervisor | undefined;
}

export interface Network {
  readonly lanes: Set<Lane>;
  duplicates: boolean;
  /** Full sets may arrive empty, as of a controller with a bug. */
  emptiesSets: boolean;
  /** Which controller a host dials when it is not the newest. */
  readonly stubborn: Map<Host, Controller>;
  latencyMs(): number;
  isCut(host: Host, direction: Direction): boolean;
  cut(host: Host, directions: readonly Direction[]): void;
  heal(host: Host): void;
  forget(lane: Lane): void;
  target(host: Host): Controller | undefined;
  speak(
    host: Host,
    agent: SimProcess,
    messages: AsyncIterable<AgentMessage>,
    signal: AbortSignal,
  ): AsyncGenerator<ControllerEnvelope>;
  break(lane: Lane, told: 'both' | 'agent' | 'controller'): void;
  silence(lane: Lane): void;
}

/** Judges what happens while it happens. */
export interface Judge {
  /** The fold of everything that is on the controller's disk. */
  readonly shadow: ClusterState;
  committed(entries: readonly LogEntry[]): void;
  /** The planner of that epoch's leader looked at the cluster. */
  planned(epoch: number, input: PlanInput, plan: Plan): void;
  containerStarted(host: Host, container: Container): void;
  stopAsked(host: Host, key: TaskKey): void;
  agentHeard(host: Host, lane: Lane, agent: SimProcess, heard: ControllerEnvelope): void;
  agentSaid(lane: Lane, message: AgentMessage, sent: AgentMessage): void;
  journalRolledBack(host: Host): void;
  submitAcknowledged(requestId: string, id: JobId): void;
  stopAcknowledged(id: JobId): void;
  runsGivenUp(host: Host): boolean;
  registeredAtMs(host: Host): number;
}

/** The wrappers through which planted bugs come in; without one they change nothing. */
export interface Wrappers {
  up(message: AgentMessage, lane: Lane): AgentMessage | undefined;
  down(envelope: ControllerEnvelope, host: Host): ControllerEnvelope;
  late(lane: Lane): void;
  ended(lane: Lane): void;
  /** `leads`: whoever decides may still commit what it decides. */
  decide(inner: typeof decide, leads: () => boolean): typeof decide;
  planner(inner: Planner): Planner;
  lead(engine: Engine): Engine;
  deaf(engine: Engine): Engine;
  supervisor(inner: Supervisor): Supervisor;
  massStopHeld(supervisor: Supervisor): void;
  driver(driver: Driver, records: ReadonlyMap<string, TaskRecord>, host: Host): Driver;
}

export interface Cluster {
  readonly world: World;
  readonly bug: PlantedBug | undefined;
  readonly options: SimOptions;
  readonly chance: SplittableRng;
  readonly logDisk: {
    readonly disk: MemoryDisk;
    latencyMs: number;
    failing: number;
    open(owner: SimProcess): CommitLog;
  };
  readonly network: Network;
  readonly checker: Judge;
  readonly workload: { behaviourOf(key: TaskKey): Behaviour };
  readonly requests: { readonly open: number; ask(principal: Principal, ask: Ask): void };
  readonly planted: Wrappers;
  readonly hosts: readonly Host[];
  readonly agents: ReadonlyMap<Host, Agent>;
  /** Bytes printed per task: they lie on the host's disk. */
  readonly printed: Map<string, number>;
  readonly controller: Controller | undefined;
  readonly wallMs: number;
  on(fault: Fault): boolean;
  hostOf(id: string): Host | undefined;
  loggerOf(process: SimProcess): Logger;
  startController(): void;
  controllerDied(controller: Controller, why: string): void;
  settleControllers(): void;
  agentDied(agent: Agent, power?: boolean): void;
  reboot(host: Host, forMs: number): void;
  powerOn(host: Host): void;
}
