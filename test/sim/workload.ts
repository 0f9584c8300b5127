/**
 * Users: they submit, stop, retry, change and delete. What a job will do once it runs is drawn here too, so that it
 * does not depend on where and when it runs.
 */
import type { ArrayId, JobId, Principal, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import { isFinished, type JobSpec, type OnDisconnect } from '../../proto/domain/job.ts';
import type { Dependency } from '../../proto/domain/scheduling.ts';
import { aJobSpec, someResources } from '../kit/builders.ts';
import type { Ask, Behaviour, Cluster } from './parts.ts';

const LONGER_THAN_SILENCE_MS = 150_000;
const PROJECTS = ['default', 'vision', 'speech'];
const USERS = ['user:ada', 'user:bo'] as Principal[];
/** Where work goes; the last one never exists. */
export const QUEUES = ['batch', 'urgent', 'nowhere'];

const GPU_COUNTS = [0, 1, 1, 1, 2, 4];
const POLICIES: readonly OnDisconnect[] = ['wait', 'wait', 'replace', 'stop'];
const SPECS = new Map<string, JobSpec>();
/** Newest jobs among which those are chosen that others come after. */
const RECENT = 12;

interface Shape {
  readonly gpus: number;
  readonly timeLimitMs: number;
  readonly retries: number;
  readonly priority: number;
  readonly onDisconnect: OnDisconnect;
  readonly preemptible: boolean;
}

/** Validation is costly and not what is simulated: each shape is made once. */
function specOf(shape: Shape): JobSpec {
  const { gpus, timeLimitMs, retries, priority, onDisconnect, preemptible } = shape;
  const key = Object.values(shape).join(' ');
  let spec = SPECS.get(key);
  if (spec === undefined) {
    const resources = someResources({ gpuMilli: gpus * 1000, cpuMilli: 500 });
    const graceMs = onDisconnect === 'wait' ? 2_000 : 20_000;
    const limits = { timeLimitMs, graceMs, maxRunAttempts: 6, onDisconnect, preemptible };
    spec = aJobSpec({ name: 'sim', waitForHosts: true, resources, retries, priority, ...limits });
    SPECS.set(key, spec);
  }
  return spec;
}

export class Workload {
  readonly #sim: Cluster;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #known: JobId[] = [];
  /** By the first element. */
  readonly #arrays = new Map<JobId, readonly JobId[]>();
  #jobs = 0;
  #quiet = false;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  behaviourOf(key: TaskKey): Behaviour {
    return this.#behaviours.get(key.jobId) ?? { runMs: 1_000, code: 0, ignoresTerm: false, prints: false };
  }

  start(): void {
    for (const name of PROJECTS.slice(1)) {
      const id = `prj_${name}` as ProjectId;
      this.#ask('other', (request) => ({
        type: 'create-project',
        id,
        name,
        description: '',
        tags: [],
        request,
      }));
    }
    this.#next();
  }

  /** No new work; what was asked is still seen through. */
  quiet(): void {
    this.#quiet = true;
  }

  #next(): void {
    const { world, options, chance } = this.#sim;
    const afterMs = -Math.log(1 - chance.fraction()) * options.requestEveryMs;
    world.schedule(afterMs, 'user', () => {
      if (this.#quiet) return;
      this.#choose();
      this.#next();
    });
  }

  #choose(): void {
    const draw = this.#sim.chance.integer(100);
    if (draw < 58 || this.#known.length === 0) {
      this.#create();
      return;
    }
    const id = this.#known[this.#sim.chance.integer(this.#known.length)] as JobId;
    const job = this.#sim.checker.shadow.job(id);
    if (job === undefined) return;
    if (this.#sim.on('job-changes') && this.#sim.chance.integer(2) === 0 && !isFinished(job.state)) {
      const { arrayId = id } = job.spec.array ?? {};
      this.#change(id, { project: job.projectId, job: this.#sim.chance.integer(2) === 0 ? id : arrayId });
      return;
    }
    if (draw < 75) {
      this.stop(id);
      return;
    }
    const target = { project: job.projectId, job: id };
    if (!isFinished(job.state)) return;
    if (draw < 82) this.#ask('other', (request) => ({ type: 'retry-job', ...target, request }), id);
    else if (draw < 96) this.#ask('other', () => ({ type: 'delete-job', ...target }), id);
    else this.#ask('other', () => ({ type: 'tag-job', ...target, add: [`t${draw}`], remove: [] }), id);
  }

  /** Of whatever waits by the time that it is asked: a job, or the elements of an array. */
  #change(id: JobId, target: { readonly project: ProjectId; readonly job: string }): void {
    const { chance } = this.#sim;
    const draw = chance.integer(100);
    if (draw < 25) this.#ask('other', () => ({ type: 'hold-job', ...target }), id);
    else if (draw < 60) this.#ask('other', () => ({ type: 'release-job', ...target }), id);
    else if (draw < 75) {
      const priority = chance.integer(4) * 10;
      this.#ask('other', () => ({ type: 'update-job', ...target, priority }), id);
    } else if (draw < 85) {
      const timeLimitMs = chance.integer(3) * 4_000;
      this.#ask('other', () => ({ type: 'update-job', ...target, timeLimitMs }), id);
    } else if (draw < 93) {
      const queue = ['default', ...QUEUES][chance.integer(QUEUES.length + 1)] as string;
      this.#ask('other', () => ({ type: 'update-job', ...target, queue }), id);
    } else {
      const { after = [] } = this.#drawAfter() ?? {};
      this.#ask('other', () => ({ type: 'update-job', ...target, after }), id);
    }
  }

  #create(): void {
    const { chance } = this.#sim;
    const length = chance.integer(20);
    const endless = length === 19;
    // Only what outlasts a silence shows whether it was stopped in time.
    const outlasts = this.#sim.on('silence') && chance.integer(4) === 0;
    const spread = length < 5 ? 200 : length < 15 ? 6_000 : 30_000;
    const runMs = endless ? 1e9 : outlasts ? LONGER_THAN_SILENCE_MS : chance.integer(spread);
    const behaviour: Behaviour = {
      runMs,
      code: chance.integer(4) === 0 ? 1 + chance.integer(3) : 0,
      ignoresTerm: chance.integer(6) === 0,
      prints: chance.integer(2) === 0,
    };
    const limited = chance.integer(endless ? 2 : 8) === 0;
    const spec = specOf({
      gpus: GPU_COUNTS[chance.integer(GPU_COUNTS.length)] as number,
      timeLimitMs: limited ? 4_000 : 0,
      retries: chance.integer(3),
      priority: chance.integer(3) * 10,
      onDisconnect: POLICIES[chance.integer(POLICIES.length)] as OnDisconnect,
      preemptible: this.#sim.on('preemption') && chance.integer(2) === 0,
    });
    const project = PROJECTS[chance.integer(PROJECTS.length)] as string;
    this.#submit(project, spec, behaviour);
  }

  #submit(anyProject: string, plain: JobSpec, behaviour: Behaviour): void {
    const { chance } = this.#sim;
    const on = (feature: Parameters<Cluster['on']>[0], oneIn: number): boolean =>
      this.#sim.on(feature) && chance.integer(oneIn) === 0;
    const queue = on('queues', 2) ? { queue: QUEUES[chance.integer(QUEUES.length)] as string } : {};
    const hold = on('job-changes', 6) ? { hold: true } : {};
    const count = on('arrays', 5) ? 2 + chance.integer(3) : 0;
    const concurrency = count === 0 ? 0 : chance.integer(3);
    const { project, ...after } = (on('dependencies', 2) ? this.#drawAfter() : undefined) ?? {
      project: anyProject,
    };
    const spec = { ...plain, ...queue, ...after };
    // The shell mints fresh ids for each try; only the request id says that they are one.
    this.#ask('create', (request) => {
      const ids = Array.from({ length: Math.max(1, count) }, () => this.#mint(behaviour));
      const id = ids[0] as JobId;
      const base = { type: 'create-job', id, project, spec, secrets: [], request, ...hold } as const;
      if (count === 0) return base;
      this.#arrays.set(id, ids);
      const elements = ids.map((one, index) => ({ id: one, index }));
      return { ...base, array: { id: `arr_${id.slice(4)}` as ArrayId, elements, concurrency } };
    });
  }

  #mint(behaviour: Behaviour): JobId {
    this.#jobs += 1;
    const id = `job_${String(this.#jobs).padStart(6, '0')}` as JobId;
    this.#behaviours.set(id, behaviour);
    return id;
  }

  /** What comes after something must lie in the same project. */
  #drawAfter(): { readonly project: string; readonly after: readonly Dependency[] } | undefined {
    const { chance, checker } = this.#sim;
    const recent = this.#known.slice(-RECENT);
    const first = checker.shadow.job(recent[chance.integer(Math.max(1, recent.length))] as JobId);
    if (first === undefined) return undefined;
    const { projectId } = first;
    const others = recent.filter((id) => checker.shadow.job(id)?.projectId === projectId);
    const second = checker.shadow.job(others[chance.integer(Math.max(1, others.length))] as JobId) ?? first;
    const after = [first, second].map(({ id, spec }): Dependency => {
      const wholeArray = spec.array !== undefined && chance.integer(2) === 0;
      return { on: wholeArray ? spec.array.arrayId : id, when: chance.integer(3) === 0 ? 'any' : 'ok' };
    });
    return { project: projectId, after };
  }

  stop(id: JobId): void {
    const job = this.#sim.checker.shadow.job(id);
    if (job !== undefined)
      this.#ask('stop', () => ({ type: 'stop-job', project: job.projectId, job: id }), id);
  }

  #ask(kind: 'create' | 'stop' | 'other', make: Ask['make'], jobId?: JobId): void {
    const { chance, checker, requests } = this.#sim;
    const principal = USERS[chance.integer(USERS.length)] as Principal;
    requests.ask(principal, {
      make,
      ...(kind === 'other' && jobId === undefined ? {} : { subject: jobId ?? '' }),
      accepted: ({ subject }, requestId) => {
        if (kind === 'create') checker.submitAcknowledged(requestId, subject as JobId);
        if (kind === 'stop') checker.stopAcknowledged(subject as JobId);
      },
      settled: (outcome) => {
        if (kind !== 'create' || outcome === undefined) return;
        const id = outcome.subject as JobId;
        this.#known.push(...(this.#arrays.get(id) ?? [id]));
      },
    });
  }
}
