/**
 * What must hold (ARCHITECTURE.md), judged apart from the workload: a second state folded from what reached the
 * disk, and the machines as they truly are. Each check costs as much as the event that it judges.
 */
import type { ClusterEvent, StampedEvent } from '../../controller/core/event.ts';
import type { Plan, PlanInput } from '../../controller/core/planner.ts';
import { apply, Touched } from '../../controller/state/apply.ts';
import { canonicalLines } from '../../controller/state/canonical.ts';
import { ClusterState } from '../../controller/state/cluster-state.ts';
import { findViolations } from '../../controller/state/invariants.ts';
import { decodeEntry } from '../../controller/store/codec.ts';
import type { LogEntry } from '../../controller/store/commit-log.ts';
import { loadState } from '../../controller/store/load-state.ts';
import { createMemoryLog } from '../../controller/store/memory-log.ts';
import { type JobId, type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import type { AgentMessage, ControllerEnvelope } from '../../proto/domain/session.ts';
import { CHIEF } from './operators.ts';
import { SIM_SELF_FENCE_MS } from './options.ts';
import { OrderChecks } from './order-checks.ts';
import type { Cluster, Container, Host, Lane } from './parts.ts';
import { SharingChecks } from './sharing-checks.ts';
import type { SimProcess } from './world.ts';

type EventOf<T extends ClusterEvent['type']> = Extract<ClusterEvent, { readonly type: T }>;

/** Ends that say that the host lost the task: they need a reason in what truly happened. */
const LOSS_REASONS: ReadonlySet<string> = new Set([
  'TASK_MISSING',
  'TASK_VANISHED',
  'HOST_RESTARTED',
  'EXIT_UNKNOWN',
]);
/** An agent that was kept from acting for longer than this while it should have fenced could not keep its promise. */
const HINDERED_MAX_MS = 10_000;
/** Stands for the nonce of a hello, which is answered by the welcome. */
const HELLO = 0;
/** Between a heartbeat and the next, and the way of its answer. */
const CONTACT_KNOWN_MS = 12_000;
/** After trouble with the journal: its next try, and the wait of a fence for it. */
const JOURNAL_BACK_MS = 8_000;
/** Longest way of a message once all is healed, and the turn of its reader. */
const HEARD_AFTER_MS = 2_000;

/** Facts that may follow the end of a job. */
const AFTER_THE_END: ReadonlySet<string> = new Set([
  'job-retried',
  'job-tagged',
  'job-deleted',
  'attempt-released',
  'attempt-log-archived',
  'attempt-forgotten',
]);

interface AttemptTruth {
  readonly placedAtMs: number;
  readonly hostId: string;
  readonly gpuUuids: readonly string[];
  ended: boolean;
}

export class Checker {
  /** The fold of everything that is on the controller's disk. */
  readonly shadow = new ClusterState();
  readonly #sim: Cluster;
  readonly #orders: OrderChecks;
  readonly #sharing: SharingChecks;
  readonly #attempts = new Map<string, AttemptTruth>();
  readonly #gpuHolder = new Map<string, string>();
  readonly #running = new Map<string, string>();
  readonly #starts = new Map<string, number>();
  readonly #deleted = new Set<JobId>();
  readonly #answers = new Map<string, JobId>();
  readonly #told = new Map<string, { stateId: string; seq: number }>();
  /** Highest epoch obeyed, by each agent's own word. */
  readonly #claimed = new Map<string, number>();
  readonly #unrefused = new Set<string>();
  /** Stopped by their hosts for want of contact. */
  readonly #fenced = new Set<string>();
  /** When the heartbeats of each host's newest connection were sent. */
  readonly #beats = new Map<string, Map<number, number>>();
  /** Where the log ended once it was put back to an old copy: from then on only that is judged. */
  #oldHead: number | undefined;
  #epoch = 0;

  constructor(sim: Cluster) {
    this.#sim = sim;
    this.#orders = new OrderChecks(sim, this.shadow, (message) => this.#fail(message));
    this.#sharing = new SharingChecks(sim, this.shadow, (message) => this.#fail(message));
  }

  /** Something runs on the host of which a person said that it does not. */
  runsGivenUp(host: Host): boolean {
    return this.#orders.runsGivenUp(host);
  }

  /** Virtual time at which the cluster last took the host in. */
  registeredAtMs(host: Host): number {
    return this.#orders.registeredAtMs(host);
  }

  planned(epoch: number, input: PlanInput, plan: Plan): void {
    this.#sharing.planned(epoch, input, plan);
  }

  /** Entries became durable. */
  committed(entries: readonly LogEntry[]): void {
    if (this.#oldHead !== undefined) return;
    for (const { seq, value } of entries) {
      const { stamped } = decodeEntry(seq, value);
      if (seq !== this.shadow.headSeq + 1) {
        this.#fail(`commit ${seq} follows ${this.shadow.headSeq}`);
        return;
      }
      if (stamped.epoch < this.#epoch) {
        this.#fail(`a commit of epoch ${stamped.epoch} follows ${this.#epoch}`);
        return;
      }
      this.#epoch = stamped.epoch;
      const { event } = stamped;
      this.#sim.world.mark(`${seq} ${event.type} ${'jobId' in event ? event.jobId : ''}`);
      this.#judge(stamped);
      try {
        apply(this.shadow, stamped, new Touched());
      } catch (error) {
        this.#fail(`event ${seq} ${event.type} cannot follow: ${String(error)}`);
        return;
      }
    }
  }

  #judge(stamped: StampedEvent): void {
    const { event } = stamped;
    this.#orders.judge(stamped);
    this.#sharing.judge(stamped);
    if ('jobId' in event) {
      const job = this.shadow.job(event.jobId);
      if (job !== undefined && isFinished(job.state) && !AFTER_THE_END.has(event.type)) {
        this.#fail(`${event.jobId} had finished as ${job.state} and then: ${event.type}`);
      }
    }
    switch (event.type) {
      case 'attempt-placed': {
        this.#placed(event, stamped);
        return;
      }
      case 'attempt-ended': {
        this.#ended(event, stamped.principal === CHIEF);
        return;
      }
      case 'attempt-released':
      case 'attempt-forgotten': {
        this.#released(event);
        return;
      }
      case 'job-queued':
        if (event.request !== undefined) this.#answered(event.request.requestId, event.jobId);
        return;
      case 'job-deleted':
        this.#deleted.add(event.jobId);
        return;
      default:
    }
  }

  #placed(event: EventOf<'attempt-placed'>, { seq, timeMs }: StampedEvent): void {
    const { jobId, attempt, hostId, gpuUuids } = event;
    const name = toTaskName({ jobId, attempt, task: 0 });
    const job = this.shadow.job(jobId);
    if (job?.stopRequested === true) this.#fail(`${name} is placed after its stop was accepted`);
    if (job !== undefined && timeMs < job.notBeforeMs && !this.#sim.on('clock-step')) {
      this.#fail(`${name} is placed before its pause is over`);
    }
    for (const uuid of gpuUuids) {
      const holder = this.#gpuHolder.get(uuid);
      if (holder !== undefined) this.#fail(`GPU ${uuid} is given to ${name} while ${holder} holds it`);
      this.#gpuHolder.set(uuid, name);
      const host = this.#sim.hostOf(hostId);
      if (seq > (host?.toldLost.get(uuid) ?? seq))
        this.#fail(`GPU ${uuid} is given to ${name} though it was told as lost`);
    }
    this.#attempts.set(name, { placedAtMs: this.#sim.world.nowMs, hostId, gpuUuids, ended: false });
  }

  /** `byWord`: a person said so, whatever truly happened. */
  #ended(event: EventOf<'attempt-ended'>, byWord: boolean): void {
    const { jobId, attempt, exit, outcome } = event;
    const name = toTaskName({ jobId, attempt, task: 0 });
    const truth = this.#attempts.get(name);
    if (truth === undefined) {
      this.#fail(`${name} ends and was never placed`);
      return;
    }
    if (truth.ended) this.#fail(`${name} ends twice`);
    truth.ended = true;
    if (byWord) return;
    const host = this.#sim.hostOf(truth.hostId);
    // A task that never began may be told as lost: nothing was.
    const mayBeLost = (host?.excusedAtMs ?? -1) >= truth.placedAtMs || !this.#starts.has(name);
    if (LOSS_REASONS.has(exit.reason) && !mayBeLost) {
      this.#fail(`${name} counts as lost (${exit.reason}) though nothing happened to ${truth.hostId}`);
    }
    const container = host?.containers.get(name);
    if (exit.reason === 'HOST_LOST' && container !== undefined && container.exit === undefined) {
      this.#requireHindered(host, `${name} counts as lost while it runs`);
    }
    if (outcome === 'succeeded' && container !== undefined && container.exit?.code !== 0) {
      this.#fail(`${name} counts as succeeded and did not end with 0`);
    }
  }

  #released(event: EventOf<'attempt-released'> | EventOf<'attempt-forgotten'>): void {
    const name = toTaskName({ jobId: event.jobId, attempt: event.attempt, task: 0 });
    const truth = this.#attempts.get(name);
    const container = this.#sim.hostOf(truth?.hostId ?? '')?.containers.get(name);
    const runs = container !== undefined && container.exit === undefined;
    if (runs && !this.#orders.isGivenUp(name)) this.#fail(`${name} is released while it runs`);
    for (const uuid of truth?.gpuUuids ?? []) {
      if (this.#gpuHolder.get(uuid) === name) this.#gpuHolder.delete(uuid);
    }
  }

  /** A machine began to run a task: the truth, not a report. */
  containerStarted(host: Host, container: Container): void {
    const { name, gpuUuids } = container;
    this.#checkAlone(host, container);
    this.#sim.world.mark(`${name} starts on ${host.name}`);
    const starts = (this.#starts.get(name) ?? 0) + 1;
    this.#starts.set(name, starts);
    if (starts > 1) this.#fail(`${name} is started ${starts} times`);
    for (const uuid of gpuUuids) {
      const other = this.#running.get(uuid);
      if (
        other !== undefined &&
        host.containers.get(other)?.exit === undefined &&
        host.containers.has(other)
      ) {
        this.#fail(`${name} starts on GPU ${uuid} while ${other} runs there`);
      }
      this.#running.set(uuid, name);
      const holder = this.#gpuHolder.get(uuid);
      if (holder !== name && !this.#orders.isGivenUp(name))
        this.#fail(`${name} starts on GPU ${uuid}, which ${holder ?? 'nobody'} holds`);
    }
  }

  /** What runs on though the host had promised to stop it needs a reason: something kept the agent from acting. */
  #requireHindered(host: Host | undefined, message: string): void {
    const dueMs = (host?.contactAtMs ?? 0) + SIM_SELF_FENCE_MS;
    if ((host?.hinderedMs(dueMs) ?? 0) <= HINDERED_MAX_MS) this.#fail(message);
  }

  /** Of one job at most one attempt runs. */
  #checkAlone(host: Host, { name, key }: Container): void {
    for (const { other, elsewhere } of this.#othersOf(key)) {
      this.#requireHindered(
        elsewhere,
        `${name} starts on ${host.name} while ${other} runs on ${elsewhere.name}`,
      );
    }
  }

  *#othersOf(key: TaskKey): Generator<{ readonly other: string; readonly elsewhere: Host }> {
    for (let attempt = 1; attempt < key.attempt; attempt += 1) {
      const other = toTaskName({ ...key, attempt });
      const elsewhere = this.#sim.hostOf(this.#attempts.get(other)?.hostId ?? '');
      const container = elsewhere?.containers.get(other);
      const runs = container !== undefined && container.exit === undefined;
      if (elsewhere !== undefined && runs && !this.#orders.isGivenUp(other)) {
        yield { other, elsewhere };
      }
    }
  }

  /** An agent asks its driver to stop a task: somebody must have ordered it. */
  stopAsked(host: Host, key: TaskKey): void {
    const container = host.containers.get(toTaskName(key));
    if (container === undefined || container.exit !== undefined) return;
    const job = this.shadow.job(key.jobId);
    const attempt = job?.attempts[key.attempt - 1];
    if (job === undefined || attempt === undefined) return;
    const ordered = attempt.stopCause !== undefined || attempt.phase === 'ended' || job.spec.timeLimitMs > 0;
    // A stop that fails is tried again, also once there is contact.
    if (ordered || this.#fenced.has(container.name)) return;
    const silentMs = this.#sim.world.nowMs - host.contactAtMs;
    const mayFence = job.spec.onDisconnect !== undefined && silentMs >= SIM_SELF_FENCE_MS - CONTACT_KNOWN_MS;
    // Contact counts once its epoch is on disk, and a journal that was lost knows only of an older one.
    const journalled = this.#sim.world.nowMs - host.journalTroubleUntilMs > JOURNAL_BACK_MS;
    const remembers = journalled && host.hinderedMs(host.contactAtMs) === 0;
    if (mayFence || (job.spec.onDisconnect !== undefined && !remembers)) {
      this.#fenced.add(container.name);
      return;
    }
    this.#fail(`${toTaskName(key)} is stopped though nobody ordered it`);
  }

  /** A message of a leader reaches an agent that said under which epoch it obeyed last: older ones are refused. */
  agentHeard(host: Host, lane: Lane, agent: SimProcess, { epoch, message }: ControllerEnvelope): void {
    const nonce = message.kind === 'heartbeat-ack' ? message.nonce : message.kind === 'welcome' ? HELLO : -1;
    host.contactAtMs = Math.max(host.contactAtMs, this.#beats.get(host.id)?.get(nonce) ?? 0);
    if (epoch >= (this.#claimed.get(host.id) ?? 0)) return;
    this.#unrefused.add(host.id);
    const judge = (): void => {
      if (lane.agentClosed || !this.#unrefused.has(host.id)) return;
      this.#fail(`${host.name} obeys epoch ${epoch} after ${this.#claimed.get(host.id)}`);
    };
    this.#sim.world.schedule(1_000, 'fence', judge, agent);
  }

  /** An agent puts a message on the line; `sent` is what it meant to say. */
  agentSaid(lane: Lane, message: AgentMessage, sent: AgentMessage): void {
    const { host } = lane;
    if (sent.kind === 'fenced') this.#unrefused.delete(host.id);
    if (sent.kind === 'hello') {
      this.#tellsOld(lane, sent.maxSeenSeq);
      this.#claimed.set(host.id, sent.maxEpoch);
      this.#unrefused.delete(host.id);
    }
    if (message.kind === 'heartbeat') this.#beats.get(host.id)?.set(message.nonce, this.#sim.world.nowMs);
    if (message.kind === 'hello') {
      this.#beats.set(host.id, new Map([[HELLO, this.#sim.world.nowMs]]));
      const before = this.#told.get(host.id);
      if (before?.stateId !== message.stateId) this.#told.set(host.id, { stateId: message.stateId, seq: 0 });
    }
    if (message.kind !== 'observed') return;
    const told = this.#told.get(host.id);
    if (told === undefined) {
      this.#fail(`${host.name} reports before it said hello`);
      return;
    }
    if (message.reportSeq <= told.seq)
      this.#fail(`${host.name} uses report ${message.reportSeq} after ${told.seq}`);
    told.seq = message.reportSeq;
  }

  /** The agent's journal was put back to an older copy: numbers begin again where they were then. */
  journalRolledBack(host: Host): void {
    this.#told.delete(host.id);
  }

  /** The log was put back to an old copy: from now on only what is done about that counts. */
  logRolledBack(headSeq: number): void {
    this.#oldHead = headSeq;
  }

  /** An agent that has seen more tells a controller with an old log: that one may write nothing any more. */
  #tellsOld(lane: Lane, maxSeenSeq: number): void {
    const { controller } = lane;
    if (this.#oldHead === undefined || lane.refused || maxSeenSeq <= this.#oldHead) return;
    this.#sim.world.schedule(HEARD_AFTER_MS, 'old-log', () => {
      if (controller.process.alive && controller.engine.writesRefused === undefined) {
        this.#sim.world.violate(
          `${controller.process.name} goes on with a log that lacks what it acknowledged`,
        );
      }
    });
  }

  /** A user was told that the job was accepted. */
  submitAcknowledged(requestId: string, id: JobId): void {
    this.#answered(requestId, id);
    if (this.shadow.job(id) === undefined && !this.#deleted.has(id)) {
      this.#fail(`${id} was acknowledged and is not on the disk`);
    }
  }

  /** A user was told that the job will stop. */
  stopAcknowledged(id: JobId): void {
    if (this.#deleted.has(id)) return;
    const job = this.shadow.job(id);
    if (job === undefined || !(job.stopRequested || isFinished(job.state) || job.manualRetries > 0)) {
      this.#fail(`the stop of ${id} was acknowledged and is not on the disk`);
    }
  }

  #answered(requestId: string, id: JobId): void {
    const known = this.#answers.get(requestId);
    if (known !== undefined && known !== id) this.#fail(`request ${requestId} made ${known} and ${id}`);
    this.#answers.set(requestId, id);
  }

  /** Once all is healed and every promise is due. */
  atRest(): void {
    this.#orders.atRest();
  }

  /** The slow checks: the rows on the disk equal the fold of the events, and the fold is consistent in itself. */
  async compare(): Promise<void> {
    for (const rule of findViolations(this.shadow)) this.#fail(rule);
    this.#sharing.compare();
    try {
      const stored = await loadState(createMemoryLog(this.#sim.logDisk.disk));
      const [rows, folded] = [stored, this.shadow].map((state) => [...canonicalLines(state)].join(''));
      if (rows !== folded) this.#fail('the rows on the disk are not the fold of the events');
    } catch (error) {
      this.#fail(`the store on the disk cannot be read: ${String(error)}`);
    }
  }

  #fail(message: string): void {
    if (this.#oldHead !== undefined) return;
    this.#sim.world.violate(message);
  }
}
