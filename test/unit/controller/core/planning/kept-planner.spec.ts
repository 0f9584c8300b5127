/**
 * Aim: a planner that followed a cluster through its life plans as one that sees it for the first time, byte for byte.
 * Method: random lives under quotas, bands, caps, preemption, reservations, failures and pauses; at each step the two are
 * asked the same. What is memory by right is shared: what was learned of the work that comes, and who was promised room.
 */
import fc from 'fast-check';
import t from 'tap';
import type { Plan, PlanInput } from '../../../../../controller/core/planner.ts';
import { createPlanner } from '../../../../../controller/core/planning/plan-cluster.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import type { HostId, JobId, ReservationId } from '../../../../../proto/domain/ids.ts';
import { anExit, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { planInput } from '../../../../kit/plan-world.ts';
import { World } from '../../../../kit/stores-world.ts';

const MINUTE_MS = 60_000;
const PROJECTS = ['default', 'lab', 'shop'];

const aSubmission = fc.record({
  gpus: fc.integer({ min: 0, max: 4 }),
  priority: fc.constantFrom(100, 500, 900),
  preemptible: fc.boolean(),
  timeLimitMs: fc.constantFrom(0, 2 * MINUTE_MS, 30 * MINUTE_MS),
  project: fc.constantFrom(...PROJECTS),
  queue: fc.constantFrom('default', 'quick'),
  times: fc.integer({ min: 1, max: 4 }),
});
const aStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('submit' as const), job: aSubmission }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('end', 'fail', 'cancel', 'stop'),
      which: fc.integer({ min: 0, max: 99 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('cordon', 'uncordon', 'away', 'back', 'add-host'),
      host: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('guarantee', 'limit', 'band', 'reserve', 'ordering', 'backfill', 'model-quota'),
      amount: fc.integer({ min: 0, max: 6 }),
    }),
  },
);
type Step = typeof aStep extends fc.Arbitrary<infer T> ? T : never;

class Life {
  readonly world = new World();
  readonly memory = new PlannerMemory();
  readonly away = new Set<HostId>();
  readonly #kept = createPlanner(this.memory);
  #count = 0;

  constructor() {
    const { world } = this;
    for (let at = 0; at < 3; at += 1) this.#addHost(at);
    for (const name of PROJECTS.slice(1)) {
      world.run({
        type: 'create-project',
        id: `prj_${name}` as never,
        name,
        description: '',
        tags: [],
      });
    }
    world.run({ type: 'set-policy', settings: { preemptionMinRuntime: '1m' }, note: '' });
    world.run({
      type: 'create-queue',
      name: 'quick',
      change: { priorityBand: 1, limits: { runningPerUser: 2 } },
    });
  }

  /** What contradicts an earlier order is refused, and changes nothing. */
  #try(command: Parameters<World['run']>[0]): void {
    if (this.world.decide(command).ok) this.world.run(command);
  }

  #addHost(at: number): void {
    const gpus = someGpus(1 + 2 * at, { host: String(at) });
    this.world.addHost({ id: hostId(at), name: `h${at}`, inventory: anInventory({ gpus }) });
  }

  do(step: Step): void {
    if ('job' in step) this.#submit(step.job);
    else if ('which' in step) this.#end(step);
    else if ('host' in step) this.#changeHost(step);
    else this.#set(step);
  }

  #submit({ gpus, project, times, ...part }: Extract<Step, { job: unknown }>['job']): void {
    const { world } = this;
    for (let time = 0; time < times; time += 1) {
      this.#count += 1;
      const id = `job_${String(this.#count).padStart(5, '0')}` as JobId;
      const spec = world.spec({
        ...part,
        resources: { gpuMilli: 1000 * gpus },
        waitForHosts: true,
        retries: 3,
      });
      this.#try({ type: 'create-job', id, project, spec, secrets: [] });
      world.nowMs += 1;
    }
  }

  #end({ do: how, which }: Extract<Step, { which: number }>): void {
    const { world } = this;
    const jobs = [...world.state.jobs()].filter(({ state }) =>
      how === 'cancel' ? state === 'queued' : state === 'running' || state === 'starting',
    );
    const job = jobs[which % Math.max(1, jobs.length)];
    if (job === undefined) return;
    const { name } = world.state.project(job.projectId)!;
    if (how === 'cancel' || how === 'stop') {
      if (!job.stopRequested) world.run({ type: 'stop-job', project: name, job: job.id });
      return;
    }
    const exit = how === 'end' ? anExit({ code: 0 }) : anExit({ verdict: 'host', code: 1 });
    world.observe(job.id, { phase: 'exited', exit, stopped: true });
  }

  #changeHost({ do: how, host }: Extract<Step, { host: number }>): void {
    const { world } = this;
    const id = hostId(host);
    const known = world.state.host(id);
    if (how === 'add-host' && known === undefined) this.#addHost(host);
    if (known === undefined) return;
    if (how === 'away') this.away.add(id);
    if (how === 'back') this.away.delete(id);
    if (how === 'cordon') this.#try({ type: 'cordon-host', host: id, reason: 'x' });
    if (how === 'uncordon') this.#try({ type: 'uncordon-host', host: id });
  }

  #set({ do: what, amount }: Extract<Step, { amount: number }>): void {
    const { world } = this;
    const name = PROJECTS[1 + (amount % 2)]!;
    const [model = ''] = world.state.host(hostId(0))!.inventory.gpus.map((gpu) => gpu.model);
    const share = {
      guarantee: { resource: 'gpu' as const, guaranteed: 1000 * (amount % 4) },
      limit: { resource: 'gpu' as const, guaranteed: 0, limit: 1000 * (1 + amount) },
      'model-quota': { resource: `gpu:${model}` as const, guaranteed: 0, limit: 1000 * (1 + amount) },
    }[what as string];
    if (share !== undefined) {
      this.#try({ type: 'set-quota', name, kind: 'project', shares: [share], removeShares: [] });
    }
    if (what === 'ordering') {
      const ordering = ['fair-share', 'priority', 'fifo'][amount % 3]!;
      world.run({ type: 'set-policy', settings: { ordering }, note: '' });
    }
    if (what === 'backfill') {
      const backfill = ['easy', 'conservative', 'off'][amount % 3]!;
      world.run({ type: 'set-policy', settings: { backfill }, note: '' });
    }
    if (what === 'band') {
      this.#try({
        type: 'update-queue',
        name: 'quick',
        change: { priorityBand: amount, limits: { timeLimitMs: amount === 6 ? 120_000 : 0 } },
      });
    }
    if (what === 'reserve') this.#reserve(name, amount);
  }

  #reserve(project: string, amount: number): void {
    const { world } = this;
    const isCounted = amount % 2 === 0;
    this.#count += 1;
    this.#try({
      type: 'create-reservation',
      id: `rsv_${this.#count}` as ReservationId,
      name: `r${this.#count}`,
      project,
      hosts: isCounted ? [] : ['h1'],
      gpuMilli: isCounted ? 1000 : 0,
      gpuModel: '',
      startMs: world.nowMs + amount * 30_000,
      endMs: world.nowMs + amount * 30_000 + 3 * MINUTE_MS,
    });
  }

  input(only?: readonly JobId[]): PlanInput {
    const input = planInput(this.world, only);
    return { ...input, readyHosts: new Set([...input.readyHosts].filter((id) => !this.away.has(id))) };
  }

  /** As a planner says that sees all of it for the first time. */
  askNew(input: PlanInput): string {
    const { awaiting, kept, workload } = this.memory;
    const shared = { observe: () => undefined, types: () => workload.types() };
    const memory = new PlannerMemory(shared);
    memory.note(awaiting, kept, this.world.nowMs);
    return this.#tell(createPlanner(memory)(input));
  }

  /** Asks, and carries out what is proposed. */
  askKept(input: PlanInput): string {
    const plan = this.#kept(input);
    const told = this.#tell(plan);
    const { world } = this;
    const { evictions = [], placements } = plan;
    if (evictions.length > 0) world.run({ type: 'preempt-jobs', evictions });
    const { outcome } = world.run({ type: 'place-jobs', placements });
    if (outcome.refused !== undefined) throw new Error(`refused: ${JSON.stringify(outcome.refused)}`);
    for (const { jobId } of placements) {
      world.observe(jobId, { phase: 'running', startedAtMs: world.nowMs });
    }
    return told;
  }

  #tell({ reasonOf, watched, ...plan }: Plan): string {
    const reasons = this.world.queue().map((id) => reasonOf?.(id));
    return JSON.stringify({ ...plan, watched: [...(watched ?? [])].sort(), reasons });
  }
}

t.test('kept or new, the same plan', async (t) => {
  let looks = 0;
  const story = fc.array(fc.tuple(aStep, fc.integer({ min: 0, max: 90_000 }), fc.boolean()), {
    minLength: 4,
    maxLength: 24,
  });
  fc.assert(
    fc.property(story, (steps) => {
      const life = new Life();
      for (const [step, waitMs, isPart] of steps) {
        const before = new Set(life.world.queue());
        life.do(step);
        life.world.nowMs += waitMs;
        const newcomers = life.world.queue().filter((id) => !before.has(id));
        const isPartial = isPart && 'job' in step;
        const input = isPartial ? life.input(newcomers) : life.input();
        const fresh = life.askNew(input);
        const kept = life.askKept(input);
        looks += 1;
        if (isPartial) continue;
        if (fresh !== kept) throw new Error(`new  ${fresh}\nkept ${kept}`);
      }
    }),
    { numRuns: 300, seed: 5 },
  );
  t.ok(looks > 1_000, `${looks} looks`);
});
