/**
 * Once faults stop: whatever may start, starts, and what is lent comes back in time. Looks again and again until all
 * is settled; what still stands open after the last look should not.
 */
import type { JobRecord } from '../../controller/core/job/model.ts';
import { planFirstFit } from '../../controller/core/placement/first-fit.ts';
import { createPlanner } from '../../controller/core/planning/plan-cluster.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import type { Host } from '../../proto/domain/catalog.ts';
import type { Cluster, Controller } from './parts.ts';
import { findExcess, guaranteeOf, type Held, isWithinGuarantee, sumHeld } from './quota-sums.ts';

/** Longer than a planner may let a job wait before it looks at it again. */
const STARTS_WITHIN_MS = 75_000;
/** A bound beyond this is not waited for. */
const BOUND_MAX_MS = 40_000;
/** The longest grace of a job, the proof that it stopped, and the start of what comes. */
const BOUND_SLACK_MS = 35_000;

export class RestChecks {
  readonly #sim: Cluster;
  readonly #shadow: ClusterState;
  readonly #controller: Controller;
  /** Since when each of these stands: what waits though it need not, and what is guaranteed and not given. */
  #startable = new Map<string, number>();
  #claims = new Map<string, number>();

  constructor(sim: Cluster, controller: Controller) {
    this.#sim = sim;
    this.#shadow = sim.checker.shadow;
    this.#controller = controller;
  }

  /** True: something is under way, so look again. */
  look(): boolean {
    const { world } = this.#sim;
    this.#startable = this.#since(this.#startable, this.#listStartable());
    this.#claims = this.#since(this.#claims, this.#listClaims());
    for (const [fault, sinceMs] of this.#startable)
      if (world.nowMs - sinceMs > STARTS_WITHIN_MS) world.violate(fault);
    const { reclaimBoundMs, preemptionGraceMs } = this.#shadow.scheduling.policy.policy;
    const boundMs = Math.max(reclaimBoundMs, preemptionGraceMs) + BOUND_SLACK_MS;
    for (const [id, sinceMs] of this.#claims)
      if (world.nowMs - sinceMs > boundMs) world.violate(`${id} waits for what is lent beyond the bound`);
    return this.#startable.size + this.#claims.size > 0;
  }

  #since(before: ReadonlyMap<string, number>, now: readonly string[]): Map<string, number> {
    const { nowMs } = this.#sim.world;
    return new Map(now.map((id) => [id, before.get(id) ?? nowMs]));
  }

  /** What a planner without a past would start or make room for; and where no bound is set, all that fits. */
  #listStartable(): readonly string[] {
    const input = {
      view: this.#shadow,
      readyHosts: this.#controller.liveness.readyHosts(),
      nowMs: this.#sim.wallMs,
      seed: 1,
      placementsMax: 100,
    };
    const plain = planFirstFit(input);
    const found = new Set<string>(plain.placements.map(({ jobId }) => jobId));
    if (this.#sim.options.planner === 'first-fit') return [...found].map(fits);
    // Whoever fits may have to stay behind for one that does not.
    if (plain.waiting.length > 0 || !this.#isOpenToAll()) found.clear();
    const { placements, evictions = [] } = createPlanner()(input);
    for (const { jobId } of placements) found.add(jobId);
    const makers = new Set(evictions.map(({ forJobId }) => forJobId));
    return [...[...found].map(fits), ...[...makers].map((id) => `${id} waits for room that nobody makes`)];
  }

  #isOpenToAll(): boolean {
    const { scheduling } = this.#shadow;
    const isBounded = scheduling.quotas().some(({ shares }) => shares.length > 0);
    const isLimited = scheduling
      .queues()
      .some(({ limits }) => limits.timeLimitMs > 0 || limits.gpuMilliPerJob > 0);
    return !isBounded && !isLimited && scheduling.reservations().length === 0;
  }

  /**
   * The first job of the one project that is guaranteed more than it holds, where some host would have room if all that
   * is lent there went; with several that want their own the order decides, and nobody can be sure.
   */
  #listClaims(): readonly string[] {
    const { scheduling } = this.#shadow;
    const { preemption, reclaimBoundMs, backfill } = scheduling.policy.policy;
    const isSure = preemption && reclaimBoundMs <= BOUND_MAX_MS && backfill !== 'off';
    if (this.#sim.options.planner !== 'pass' || !isSure || scheduling.reservations().length > 0) return [];
    const held = sumHeld(this.#shadow);
    const waiting = this.#shadow.queue();
    const entitled = waiting.filter((job) => isWithinGuarantee(this.#shadow, job, held));
    const first = entitled[0];
    if (first === undefined) return [];
    const own = waiting.filter(({ projectId }) => projectId === first.projectId);
    const isAlone = entitled.length === own.length && entitled.every((job) => own.includes(job));
    const isGroupGuaranteed = scheduling
      .quotas()
      .some(({ kind, parent, shares }) => kind === 'group' && parent !== '' && shares.length > 0);
    if (!isAlone || isGroupGuaranteed) return [];
    const isDue = own.every((job) => job.notBeforeMs <= this.#sim.wallMs && this.#isReclaimable(job, held));
    return isDue ? [first.id] : [];
  }

  #isReclaimable(job: JobRecord, held: Held): boolean {
    const needed = job.spec.resources.gpuMilli / 1_000;
    if (needed === 0 || findExcess(this.#shadow, job, held) !== undefined) return false;
    const ready = this.#controller.liveness.readyHosts();
    return [...this.#shadow.hosts()].some(
      (host) => ready.has(host.id) && host.cordon === undefined && this.#countLent(host, job) >= needed,
    );
  }

  /** GPUs of the host that are free, or held by others who are guaranteed none. */
  #countLent({ id, inventory }: Host, { projectId }: JobRecord): number {
    const holders = this.#shadow.use(id).gpus;
    return inventory.gpus.filter(({ uuid, schedulable }) => {
      const key = holders.get(uuid);
      if (!schedulable || key === undefined) return schedulable;
      const holder = this.#shadow.job(key.jobId);
      const attempt = holder?.attempts[key.attempt - 1];
      if (holder === undefined || attempt?.phase !== 'running') return false;
      return holder.projectId !== projectId && guaranteeOf(this.#shadow, holder.projectId, 'gpu') === 0;
    }).length;
  }
}

function fits(jobId: string): string {
  return `${jobId} waits while it fits`;
}
