/**
 * What must hold of how the cluster is shared: who may start, who may be stopped for whom, and what is counted. Judged
 * from the facts on the disk and from what the planner looked at, with reckonings of its own.
 */
import type { Eviction } from '../../controller/core/command.ts';
import type { ClusterEvent, StampedEvent } from '../../controller/core/event.ts';
import type { JobRecord } from '../../controller/core/job/model.ts';
import type { Plan, PlanInput } from '../../controller/core/planner.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import { DEFAULT_QUEUE } from '../../proto/domain/scheduling.ts';
import type { SchedulingPolicy } from '../../proto/domain/scheduling-policy.ts';
import type { Cluster } from './parts.ts';
import { findDecidingGuarantee, findExcess, guaranteeOf, sumHeld } from './quota-sums.ts';
import { UsageSums } from './usage-sums.ts';

type EventOf<T extends ClusterEvent['type']> = Extract<ClusterEvent, { readonly type: T }>;
type OfAttempt = { readonly jobId: JobRecord['id']; readonly attempt: number };

/** What a planner knew when it proposed something. */
interface Look {
  readonly headSeq: number;
  readonly nowMs: number;
  readonly policy: SchedulingPolicy;
}

export class SharingChecks {
  readonly #sim: Cluster;
  readonly #shadow: ClusterState;
  readonly #fail: (message: string) => void;
  readonly #usage: UsageSums;
  /** By epoch and task: whatever else happens in between, a proposal was made on this. */
  readonly #placed = new Map<string, Look>();
  readonly #evicted = new Map<string, Look & { readonly eviction: Eviction }>();
  readonly #held = new Set<string>();
  /** Jobs that run, by user and queue and by array. */
  readonly #active = new Map<string, Set<string>>();
  /** Sequences of the newest facts of these kinds. */
  #quotaSeq = 0;
  #reservationSeq = 0;
  #otherSeq = 0;

  constructor(sim: Cluster, shadow: ClusterState, fail: (message: string) => void) {
    this.#sim = sim;
    this.#shadow = shadow;
    this.#fail = fail;
    this.#usage = new UsageSums(shadow, fail);
  }

  /** A leader's planner looked at the cluster, whatever it was made to see. */
  planned(epoch: number, { view, nowMs }: PlanInput, { placements, evictions = [] }: Plan): void {
    if (placements.length + evictions.length === 0) return;
    const look: Look = { headSeq: view.headSeq, nowMs, policy: view.scheduling.policy.policy };
    for (const one of placements) this.#placed.set(`${epoch} ${nameOf(one)}`, look);
    for (const eviction of evictions)
      this.#evicted.set(`${epoch} ${nameOf(eviction)}`, { ...look, eviction });
  }

  /** A fact is on the disk, and the shadow does not know it yet. */
  judge(stamped: StampedEvent): void {
    const { event, seq, timeMs } = stamped;
    this.#usage.judge(stamped);
    const isEviction = event.type === 'attempt-stop-requested' && event.cause === 'preempted';
    if (isEviction) this.#stopped(event, stamped);
    else this.#otherSeq = seq;
    switch (event.type) {
      case 'attempt-placed':
        this.#start(event, stamped.epoch, timeMs);
        return;
      case 'job-queued':
        if (event.held === true) this.#held.add(event.jobId);
        return;
      case 'job-held':
        this.#held.add(event.jobId);
        return;
      case 'job-hold-released':
      case 'job-retried':
        this.#held.delete(event.jobId);
        return;
      case 'job-requeued':
        this.#leave(event.jobId);
        if (event.usesRetry) this.#requireOwnFault(event.jobId, 'loses a retry');
        return;
      case 'job-finished':
        this.#finished(event);
        return;
      case 'quota-set':
      case 'quota-deleted':
      case 'project-deleted':
        this.#quotaSeq = seq;
        return;
      case 'reservation-created':
        this.#reservationSeq = seq;
        return;
      default:
    }
  }

  #start(event: EventOf<'attempt-placed'>, epoch: number, timeMs: number): void {
    const job = this.#shadow.job(event.jobId);
    if (job === undefined) return;
    const name = nameOf(event);
    if (this.#held.has(job.id)) this.#fail(`${name} is placed though it is held`);
    this.#checkDependencies(job, name);
    this.#enter(job, name);
    const look = this.#placed.get(`${epoch} ${name}`);
    this.#placed.delete(`${epoch} ${name}`);
    if (look === undefined || this.#sim.options.planner !== 'pass') return;
    this.#checkQuota(job, name, look);
    this.#checkReserved(job, event.hostId, look, timeMs);
  }

  #checkDependencies(job: JobRecord, name: string): void {
    if (job.attempts.length > 0) return;
    for (const { on, when } of job.spec.after ?? []) {
      const single = this.#shadow.job(on as JobRecord['id']);
      const all =
        single === undefined
          ? this.#shadow.arrayJobs(on as Parameters<ClusterState['arrayJobs']>[0])
          : [single];
      const open = all.find(({ state }) => (when === 'ok' ? state !== 'succeeded' : !isFinished(state)));
      if (open !== undefined)
        this.#fail(`${name} is placed while ${open.id}, which comes first, is ${open.state}`);
    }
  }

  /** Bounds of queues may fall below what runs; then nothing more may start. */
  #enter(job: JobRecord, name: string): void {
    const perUser = this.#shadow.scheduling.findQueue(queueOf(job))?.limits.runningPerUser ?? 0;
    const perArray = job.spec.array?.concurrency ?? 0;
    for (const [key, most] of [...keysOf(job)].map(
      (key, at) => [key, at === 0 ? perUser : perArray] as const,
    )) {
      const running = this.#active.get(key) ?? new Set();
      this.#active.set(key, running.add(job.id));
      if (most > 0 && running.size > most)
        this.#fail(`${name} is placed as number ${running.size} of ${most} of ${key}`);
    }
  }

  #leave(jobId: string): void {
    const job = this.#shadow.job(jobId as JobRecord['id']);
    if (job !== undefined) for (const key of keysOf(job)) this.#active.get(key)?.delete(jobId);
  }

  /** A tree that changed after the planner's look is another one's business. */
  #checkQuota(job: JobRecord, name: string, { headSeq }: Look): void {
    if (this.#quotaSeq > headSeq) return;
    const excess = findExcess(this.#shadow, job, sumHeld(this.#shadow));
    if (excess !== undefined) this.#fail(`${name} is placed above the limit of ${excess}`);
  }

  /** Work that may run into a window of another project stays away from its hosts. */
  #checkReserved(job: JobRecord, hostId: string, { headSeq, nowMs }: Look, timeMs: number): void {
    if (this.#reservationSeq > headSeq || this.#sim.on('stale-planner')) return;
    const { timeLimitMs } = job.spec;
    const endMs = timeLimitMs > 0 ? nowMs + timeLimitMs : Number.POSITIVE_INFINITY;
    const other = this.#shadow.scheduling
      .reservations()
      .find(
        (one) =>
          one.projectId !== job.projectId &&
          (one.hostIds as readonly string[]).includes(hostId) &&
          one.startMs < endMs &&
          one.endMs > Math.max(nowMs, timeMs),
      );
    if (other !== undefined) this.#fail(`${job.id} is placed on ${hostId}, which ${other.id} sets aside`);
  }

  /** What a planner proposed to stop; drains stop too, and are judged elsewhere. */
  #stopped(event: EventOf<'attempt-stop-requested'>, { epoch, seq }: StampedEvent): void {
    const name = nameOf(event);
    const look = this.#evicted.get(`${epoch} ${name}`);
    const job = this.#shadow.job(event.jobId);
    const attempt = job?.attempts[event.attempt - 1];
    if (job === undefined || attempt === undefined) return;
    if (this.#shadow.host(attempt.hostId)?.drain !== undefined || look === undefined) {
      this.#otherSeq = seq;
      return;
    }
    const { preemption } = this.#shadow.scheduling.policy.policy;
    if (!preemption) this.#fail(`${name} is preempted though the policy forbids it`);
    const by = this.#shadow.job(look.eviction.forJobId);
    if (by?.state !== 'queued')
      this.#fail(`${name} is preempted for ${look.eviction.forJobId}, which does not wait`);
    else this.#checkGround(job, name, attempt.startedAtMs, by, look);
  }

  #checkGround(job: JobRecord, name: string, startedAtMs: number, by: JobRecord, look: Look): void {
    const { policy, nowMs, headSeq } = look;
    const ranMs = startedAtMs === 0 ? 0 : Math.max(0, nowMs - startedAtMs);
    const leastMs = policy.preemptionMinRuntimeMs;
    const lentMs = Math.min(leastMs, Math.max(0, policy.reclaimBoundMs - policy.preemptionGraceMs));
    const isOwn = job.projectId === by.projectId;
    if (ranMs < (isOwn ? leastMs : lentMs)) this.#fail(`${name} is preempted after ${ranMs} ms`);
    const deciding = findDecidingGuarantee(this.#shadow, by);
    const mayBeReclaim = !isOwn && deciding.length > 0;
    if (!mayBeReclaim && (!job.spec.preemptible || ranMs < leastMs))
      this.#fail(`${name} is preempted after ${ranMs} ms by ${by.id}, which has no claim to its room`);
    if (isOwn || deciding.length === 0 || this.#otherSeq > headSeq) return;
    // Nothing came between the look and this: the sums are what the planner saw.
    const held = sumHeld(this.#shadow, 'going left out').get(job.projectId);
    const isLent = deciding.some(
      (resource) => (held?.get(resource) ?? 0) > guaranteeOf(this.#shadow, job.projectId, resource),
    );
    if (!isLent) this.#fail(`${name} is preempted by ${by.id} though its project is guaranteed the room`);
  }

  #finished({ jobId, state, reason }: EventOf<'job-finished'>): void {
    this.#leave(jobId);
    this.#held.delete(jobId);
    const job = this.#shadow.job(jobId);
    if (state === 'failed') this.#requireOwnFault(jobId, 'fails');
    if (reason === 'DEPENDENCY_FAILED' && job !== undefined && job.attempts.length > 0)
      this.#fail(`${jobId} is cancelled for what came before it though it was started`);
  }

  /** Who was stopped for others did nothing wrong. */
  #requireOwnFault(jobId: JobRecord['id'], what: string): void {
    const job = this.#shadow.job(jobId);
    const last = job?.attempts.at(-1);
    if (job === undefined || last?.stopCause !== 'preempted') return;
    // What became of it is told by its host; that it was the stop is not changed by what the cluster makes of it.
    const { reason = '' } = last.exit ?? {};
    const isStopped = last.outcome === 'preempted' || reason === 'STOPPED';
    // Its host fell silent besides, and then it was to end.
    if (job.spec.onDisconnect === 'stop' && reason === 'DISCONNECTED') return;
    const name = nameOf({ jobId, attempt: last.number });
    if (isStopped) this.#fail(`${jobId} ${what} because ${name} was stopped for others`);
  }

  /** Slow checks. */
  compare(): void {
    this.#usage.compare();
    for (const job of this.#shadow.jobs()) {
      if (job.state !== 'queued' || job.attempts.length > 0) continue;
      for (const { on, when } of job.spec.after ?? []) {
        const first = this.#shadow.job(on as JobRecord['id']);
        if (when === 'ok' && first !== undefined && isFinished(first.state) && first.state !== 'succeeded')
          this.#fail(`${job.id} goes on waiting for ${first.id}, which is ${first.state}`);
      }
    }
  }
}

function queueOf({ spec }: JobRecord): string {
  return spec.queue ?? DEFAULT_QUEUE;
}

/** Of the user in the queue first, then of the array. */
function keysOf(job: JobRecord): readonly string[] {
  const user = `${job.createdBy} in ${queueOf(job)}`;
  return job.spec.array === undefined ? [user] : [user, job.spec.array.arrayId];
}

function nameOf({ jobId, attempt }: OfAttempt): string {
  return toTaskName({ jobId, attempt, task: 0 });
}
