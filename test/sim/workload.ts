/**
 * Users: they submit, stop, retry and delete. What a job will do once it runs is drawn here too, so that it does not
 * depend on where and when it runs.
 */
import type { JobId, Principal, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import { isFinished, type JobSpec, type OnDisconnect } from '../../proto/domain/job.ts';
import { aJobSpec, someResources } from '../kit/builders.ts';
import type { Ask, Behaviour, Cluster } from './parts.ts';

const LONGER_THAN_SILENCE_MS = 150_000;
const PROJECTS = ['default', 'vision', 'speech'];
const USERS = ['user:ada', 'user:bo'] as Principal[];

const GPU_COUNTS = [0, 1, 1, 1, 2, 4];
const POLICIES: readonly OnDisconnect[] = ['wait', 'wait', 'replace', 'stop'];
const SPECS = new Map<string, JobSpec>();

/** Validation is costly and not what is simulated: each shape is made once. */
function specOf(
  gpus: number,
  timeLimitMs: number,
  retries: number,
  priority: number,
  onDisconnect: OnDisconnect,
): JobSpec {
  const key = `${gpus} ${timeLimitMs} ${retries} ${priority} ${onDisconnect}`;
  let spec = SPECS.get(key);
  if (spec === undefined) {
    const resources = someResources({ gpuMilli: gpus * 1000, cpuMilli: 500 });
    const graceMs = onDisconnect === 'wait' ? 2_000 : 20_000;
    const limits = { timeLimitMs, graceMs, maxRunAttempts: 6, onDisconnect };
    spec = aJobSpec({ name: 'sim', waitForHosts: true, resources, retries, priority, ...limits });
    SPECS.set(key, spec);
  }
  return spec;
}

export class Workload {
  readonly #sim: Cluster;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #known: JobId[] = [];
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
    const spec = specOf(
      GPU_COUNTS[chance.integer(GPU_COUNTS.length)] as number,
      limited ? 4_000 : 0,
      chance.integer(3),
      chance.integer(3) * 10,
      POLICIES[chance.integer(POLICIES.length)] as OnDisconnect,
    );
    const project = PROJECTS[chance.integer(PROJECTS.length)] as string;
    // The shell mints a fresh id for each try; only the request id says that they are one.
    this.#ask('create', (request) => {
      this.#jobs += 1;
      const id = `job_${String(this.#jobs).padStart(6, '0')}` as JobId;
      this.#behaviours.set(id, behaviour);
      return { type: 'create-job', id, project, spec, secrets: [], request };
    });
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
        if (kind === 'create' && outcome !== undefined) this.#known.push(outcome.subject as JobId);
      },
    });
  }
}
