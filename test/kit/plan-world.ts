/** A world with the production planner over it, and the orders that the planning loop would give. */
import type { Plan, PlanInput, Planner } from '../../controller/core/planner.ts';
import { createPlanner } from '../../controller/core/planning/plan-cluster.ts';
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import { anExit } from './builders.ts';
import { World } from './stores-world.ts';

/** What a planner is told of a world now; `only`: those of the queue. */
export function planInput(world: World, only?: readonly JobId[]): PlanInput {
  const queue = only && world.state.queue().filter(({ id }) => only.includes(id));
  return {
    view: world.state,
    readyHosts: new Set<HostId>([...world.state.hosts()].map(({ id }) => id)),
    nowMs: world.nowMs,
    seed: 1,
    placementsMax: 1_000,
    ...(queue === undefined ? {} : { queue }),
  };
}

export class PlannedWorld {
  readonly world = new World();
  readonly planner: Planner = createPlanner();

  look(part: { readonly only?: readonly JobId[]; readonly placementsMax?: number } = {}): Plan {
    const input = planInput(this.world, part.only);
    return this.planner({ ...input, placementsMax: part.placementsMax ?? input.placementsMax });
  }

  /** Looks, and carries out what is proposed; everything must be taken. */
  step(part: { readonly only?: readonly JobId[] } = {}): Plan {
    const plan = this.look(part);
    const { evictions = [], placements } = plan;
    if (evictions.length > 0) this.world.run({ type: 'preempt-jobs', evictions });
    const { outcome } = this.world.run({ type: 'place-jobs', placements });
    if (outcome.refused !== undefined) throw new Error(`refused: ${JSON.stringify(outcome.refused)}`);
    for (const { jobId } of placements) {
      const { ports } = this.world.job(jobId).attempts.at(-1)!;
      this.world.observe(jobId, { phase: 'running', startedAtMs: this.world.nowMs, ports });
    }
    return plan;
  }

  /** A job that asks for whole GPUs. */
  job(gpus: number, part: Parameters<World['addJob']>[0] = {}): JobId {
    return this.world.addJob({ resources: { gpuMilli: gpus * 1000 }, waitForHosts: true, ...part });
  }

  /** It ends well, or as whoever is stopped ends. */
  end(id: JobId): void {
    const { stopCause } = this.world.job(id).attempts.at(-1)!;
    const exit = stopCause === undefined ? anExit({ code: 0 }) : anExit({ code: 143, signal: 15 });
    this.world.observe(id, { phase: 'exited', exit, stopped: true });
  }
}
