/**
 * Known bugs, each behind a name that only a simulation can give: wrappers around ports of the production code.
 * That every one of them is found shows that the checks have teeth.
 */
import type { Driver } from '../../agent/core/driver-port.ts';
import type { TaskRecord } from '../../agent/core/task-record.ts';
import type { Supervisor } from '../../agent/session/supervisor.ts';
import type { decide } from '../../controller/core/decide.ts';
import type { Engine } from '../../controller/core/engine.ts';
import type { ClusterEvent } from '../../controller/core/event.ts';
import type { Planner } from '../../controller/core/planner.ts';
import type { HostId, Principal } from '../../proto/domain/ids.ts';
import { parseTaskName } from '../../proto/domain/ids.ts';
import type { AgentMessage, ControllerEnvelope, HelloMessage } from '../../proto/domain/session.ts';
import { desiredHashLines } from '../../proto/domain/session.ts';
import type { TaskObservation } from '../../proto/domain/task.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import type { Cluster, Host, Lane, Wrappers } from './parts.ts';
import { decideOrdersWrongly, withoutCordons } from './planted-orders.ts';
import { decideSharingWrongly, planSharingWrongly } from './planted-sharing.ts';

type Decide = typeof decide;

export class Planted implements Wrappers {
  readonly #sim: Cluster;
  readonly #sequences = new Map<string, number>();
  readonly #reports = new Map<Lane, Extract<AgentMessage, { kind: 'observed' }>>();
  readonly #obeyed = new Map<Host, number>();

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  /** What the agent puts on the line. */
  up(message: AgentMessage, lane: Lane): AgentMessage | undefined {
    const { bug } = this.#sim;
    const forgets = bug === 'old-epoch-obeyed' || bug === 'old-backup-served';
    if (forgets && message.kind === 'hello') return withoutMemory(message);
    if (bug === 'old-epoch-obeyed' && message.kind === 'fenced') return undefined;
    if (bug === 'contact-without-round-trip' && message.kind === 'heartbeat') {
      const { epoch } = lane.controller.engine;
      // The answer does not cross the network: whoever listens only to himself is always in contact.
      lane.down.dead = false;
      lane.down.send({ message: { epoch, message: { kind: 'heartbeat-ack', nonce: message.nonce } } });
    }
    if (message.kind !== 'observed') return message;
    if (message.complete) this.#reports.set(lane, message);
    if (bug === 'report-seq-reused') {
      const reportSeq = (this.#sequences.get(lane.host.id) ?? 0) % 50;
      this.#sequences.set(lane.host.id, reportSeq + 1);
      return { ...message, reportSeq: reportSeq + 1 };
    }
    if (bug === 'stop-taken-for-stopped') return { ...message, tasks: message.tasks.map(stoppedEarly) };
    return message;
  }

  /** What reaches the agent. */
  down(envelope: ControllerEnvelope, host: Host): ControllerEnvelope {
    const { bug } = this.#sim;
    const { message } = envelope;
    if (bug === 'old-epoch-obeyed') {
      return { ...envelope, epoch: Math.max(envelope.epoch, this.#obeyed.get(host) ?? 0) };
    }
    if (message.kind !== 'desired') return envelope;
    if (message.complete && this.#sim.network.emptiesSets && this.#isBusy(host)) {
      this.#sim.world.mark(`${host.name} gets an empty set`);
      return { ...envelope, message: { ...message, tasks: [], count: 0, hash: sha256Hex('') } };
    }
    if (bug === 'time-limit-dropped') {
      const tasks = message.tasks.map((task) =>
        task.spec === undefined
          ? task
          : { ...task, spec: { ...task.spec, job: { ...task.spec.job, timeLimitMs: 0 } } },
      );
      return { ...envelope, message: { ...message, tasks } };
    }
    if (bug === 'newer-generation-ignored') {
      const tasks = message.tasks.filter((task) => task.phase !== 'stop');
      const sealed = message.complete
        ? { count: tasks.length, hash: sha256Hex(desiredHashLines(tasks)) }
        : {};
      return { ...envelope, message: { ...message, tasks, ...sealed } };
    }
    if (
      bug === 'brake-off' &&
      message.complete &&
      message.tasks.length >= 4 &&
      this.#sim.chance.integer(4) === 0
    ) {
      const tasks = message.tasks.map((task) => ({
        ...task,
        phase: 'gone' as const,
        generation: task.generation + 1,
      }));
      const hash = sha256Hex(desiredHashLines(tasks));
      this.#sim.world.mark('planted: an empty set is obeyed');
      return { ...envelope, message: { ...message, tasks, hash } };
    }
    return envelope;
  }

  /** Enough runs there, by nobody's order to stop, for the brake to hold whatever ends meanwhile. */
  #isBusy(host: Host): boolean {
    let running = 0;
    for (const { key, exit } of host.containers.values()) {
      const attempt = this.#sim.checker.shadow.job(key.jobId)?.attempts[key.attempt - 1];
      if (exit === undefined && attempt?.stopCause === undefined && attempt?.phase === 'running')
        running += 1;
    }
    return running >= 6;
  }

  supervisor(inner: Supervisor): Supervisor {
    if (this.#sim.bug !== 'fence-skipped') return inner;
    return Object.create(inner, { fence: { value: async () => undefined } }) as Supervisor;
  }

  massStopHeld(supervisor: Supervisor): void {
    const { count, hash } = supervisor.massStop();
    if (this.#sim.bug === 'stop-consent-forged' && count > 0) void supervisor.consentToStop(count, hash);
  }

  /** A connection broke: what was last reported over it is still in the hands of the network. */
  late(lane: Lane): void {
    const report = this.#reports.get(lane);
    if (this.#sim.bug === 'stale-session-acts' && report !== undefined) this.replay(lane, report);
  }

  /** Gives a report of a dead connection to whoever leads a while later. */
  replay(lane: Lane, report: Extract<AgentMessage, { kind: 'observed' }>): void {
    const { world } = this.#sim;
    const hostId = lane.host.id as HostId;
    const { bootId } = lane.host;
    world.schedule(2_000 + this.#sim.chance.integer(20_000), 'late-report', () => {
      const { controller } = this.#sim;
      if (controller?.ready !== true || !controller.process.alive) return;
      const { reportSeq, complete, revisionApplied, tasks } = report;
      const context = { principal: `agent:${hostId}` as Principal, nowMs: controller.process.clock.nowMs() };
      controller.engine
        .submit(
          { type: 'observe-tasks', hostId, bootId, reportSeq, complete, revisionApplied, tasks },
          context,
        )
        .catch(() => undefined);
    });
  }

  /** The controller heard the end of a connection. */
  ended(lane: Lane): void {
    if (this.#sim.bug !== 'free-on-lost' || !lane.controller.ready || !lane.controller.process.alive) return;
    const { id: hostId, bootId } = lane.host;
    const context = {
      principal: `agent:${hostId}` as Principal,
      nowMs: lane.controller.process.clock.nowMs(),
    };
    const nothing = { reportSeq: 0, complete: true, tasks: [] };
    lane.controller.engine
      .submit({ type: 'observe-tasks', hostId, bootId, ...nothing }, context)
      .catch(() => undefined);
  }

  decide(inner: Decide, leads: () => boolean): Decide {
    const { bug } = this.#sim;
    const told = decideSharingWrongly(bug, decideOrdersWrongly(bug, this.#withTruth(inner, leads)));
    if (bug === 'no-request-memory') {
      return (reader, command, context) => {
        if (!('request' in command)) return inner(reader, command, context);
        const { request, ...rest } = command;
        const decision = inner(reader, rest as typeof command, context);
        if (!decision.ok || request === undefined) return decision;
        const events = decision.events.map((event) =>
          event.type === 'job-queued' ? { ...event, request } : event,
        );
        return { ...decision, events };
      };
    }
    if (bug === 'free-on-lost') {
      return (reader, command, context) => {
        const decision = inner(reader, command, context);
        return decision.ok ? { ...decision, events: decision.events.flatMap(freeIfLost) } : decision;
      };
    }
    if (bug === 'replace-before-fence' || bug === 'wait-not-waited') {
      return (reader, command, context) => {
        if (command.type !== 'declare-lost') return told(reader, command, context);
        const silence = { cause: 'silence', silentMs: Number.MAX_SAFE_INTEGER } as const;
        const by = bug === 'wait-not-waited' ? ({ cause: 'operator' } as const) : silence;
        return inner(reader, { ...command, by }, context);
      };
    }
    if (bug === 'lost-gpu-offered') {
      return (reader, command, context) => {
        if (command.type !== 'register-host') return inner(reader, command, context);
        told(reader, command, context);
        const gpus = command.inventory.gpus.map((gpu) => ({ ...gpu, schedulable: true }));
        return inner(reader, { ...command, inventory: { ...command.inventory, gpus } }, context);
      };
    }
    if (bug === 'placement-unchecked') {
      return (reader, command, context) =>
        command.type === 'place-jobs'
          ? placeUnchecked(reader, command.placements)
          : inner(reader, command, context);
    }
    return told;
  }

  /**
   * Notes which GPUs the cluster was told of as lost, in the order in which it was told. What a deposed leader hears
   * is old by then and lost with it.
   */
  #withTruth(inner: Decide, leads: () => boolean): Decide {
    return (reader, command, context) => {
      if (command.type === 'register-host' && leads()) {
        const host = this.#sim.hostOf(command.hostId);
        const known = new Map(host?.toldLost);
        host?.toldLost.clear();
        for (const { uuid, schedulable } of command.inventory.gpus) {
          if (!schedulable) host?.toldLost.set(uuid, known.get(uuid) ?? reader.headSeq);
        }
      }
      return inner(reader, command, context);
    };
  }

  planner(asIs: Planner): Planner {
    const { bug } = this.#sim;
    const inner = planSharingWrongly(bug, asIs);
    if (bug === 'pause-ignored') return (input) => inner({ ...input, nowMs: input.nowMs + 86_400_000 });
    if (bug === 'cordon-ignored') return (input) => inner({ ...input, view: withoutCordons(input.view) });
    if (!this.#sim.on('stale-planner')) return inner;
    // Proposals of a planner that worked on old state; the check at commit must catch each of them.
    let before: ReturnType<Planner>['placements'] = [];
    return (input) => {
      const plan = inner(input);
      const old = this.#sim.chance.integer(3) === 0 ? before : [];
      before = plan.placements;
      const placements = plan.placements.map((placement, at) => {
        const other = old[at];
        if (other === undefined || other.gpuUuids.length !== placement.gpuUuids.length) return placement;
        return { ...placement, hostId: other.hostId, gpuUuids: other.gpuUuids };
      });
      return { ...plan, placements };
    };
  }

  /** An engine that believes to lead whatever its log says. */
  lead(engine: Engine): Engine {
    // The other line of defence would keep agents from ever hearing an older epoch.
    if (this.#sim.bug !== 'lead-unproved' && this.#sim.bug !== 'old-epoch-obeyed') return engine;
    return withEngine(engine, { stillLeads: async () => true });
  }

  /** An engine whose commits the planning loop does not hear of when capacity comes free. */
  deaf(engine: Engine): Engine {
    if (this.#sim.bug !== 'wake-lost') return engine;
    return withEngine(engine, {
      onCommit: (listener) =>
        engine.onCommit((commit) => {
          if (!commit.events.some(({ type }) => type === 'attempt-released')) listener(commit);
        }),
    });
  }

  driver(driver: Driver, records: ReadonlyMap<string, TaskRecord>, host: Host): Driver {
    if (this.#sim.bug !== 'kill-before-full-sync') return driver;
    let listed = false;
    return {
      ...driver,
      list: async () => {
        const seen = await driver.list();
        if (listed) return seen;
        listed = true;
        for (const [name, task] of seen) {
          const key = parseTaskName(name);
          if (key === undefined || records.has(name) || task.state !== 'running') continue;
          host.sim.world.mark(`planted: ${name} is killed before a full sync`);
          await driver.stop(key, 0).catch(() => undefined);
        }
        return seen;
      },
    };
  }
}

/** An agent that has seen nothing yet, nor anything that would prove it. */
function withoutMemory(message: HelloMessage): HelloMessage {
  const hello = { ...message, maxEpoch: 0, maxSeenSeq: 0 };
  Reflect.deleteProperty(hello, 'proof');
  return hello;
}

/** Under a stop order, a running task is told as stopped. */
function stoppedEarly(task: TaskObservation): TaskObservation {
  if (task.phase !== 'running' || task.observedGeneration < 2) return task;
  const exit = {
    signal: 15,
    outOfMemory: false,
    verdict: 'none',
    reason: 'STOPPED',
    message: '',
    finishedAtMs: task.startedAtMs,
  } as const;
  return { ...task, phase: 'exited', exit, stopped: true };
}

function freeIfLost(event: ClusterEvent): readonly ClusterEvent[] {
  if (event.type !== 'attempt-ended' || event.outcome !== 'lost') return [event];
  const { jobId, projectId, attempt } = event;
  return [event, { type: 'attempt-released', jobId, projectId, attempt }];
}

function placeUnchecked(
  reader: Parameters<Decide>[0],
  placements: Extract<Parameters<Decide>[1], { type: 'place-jobs' }>['placements'],
): ReturnType<Decide> {
  const events = placements.flatMap((placement): readonly ClusterEvent[] => {
    const { jobId, attempt, hostId, gpuUuids, driver } = placement;
    const job = reader.job(jobId);
    if (job === undefined || job.state !== 'queued' || attempt !== job.attempts.length + 1) return [];
    const { projectId, spec } = job;
    const frozen = { gpusSimulated: true, ports: spec.ports, secretIds: [], projectName: '' };
    const uuids = gpuUuids as Extract<ClusterEvent, { type: 'attempt-placed' }>['gpuUuids'];
    return [
      { type: 'attempt-placed', jobId, projectId, attempt, hostId, gpuUuids: uuids, driver, ...frozen },
    ];
  });
  return { ok: true, events, outcome: { subject: '', replayed: false } };
}

/** The engine with some of its methods in another form; its fields are its own, so each call is handed on. */
function withEngine(engine: Engine, other: Partial<Engine>): Engine {
  return {
    epoch: engine.epoch,
    submit: (command, context) => engine.submit(command, context),
    read: (look) => engine.read(look),
    peek: (look) => engine.peek(look),
    stillLeads: () => engine.stillLeads(),
    refuseWrites: (error) => engine.refuseWrites(error),
    get writesRefused() {
      return engine.writesRefused;
    },
    events: (afterSeq, limit) => engine.events(afterSeq, limit),
    sealedSecret: (id) => engine.sealedSecret(id),
    close: () => engine.close(),
    onCommit: (listener) => engine.onCommit(listener),
    ...other,
  };
}
