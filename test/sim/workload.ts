/**
 * Users: they submit, stop, retry and delete, and repeat what was not answered under the same request id. What a
 * job will do once it runs is drawn here too, so that it does not depend on where and when it runs.
 */
import type { Command } from '../../controller/core/command.ts';
import type { CommandOutcome } from '../../controller/core/engine.ts';
import type { JobId, Principal, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import { isFinished, type JobSpec, type OnDisconnect } from '../../proto/domain/job.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import { aJobSpec, someResources } from '../kit/builders.ts';
import type { Behaviour, Cluster, Controller } from './parts.ts';

const ANSWER_TIMEOUT_MS = 4_000;
const RETRY_MS = 500;
const LONGER_THAN_SILENCE_MS = 150_000;
const PROJECTS = ['default', 'vision', 'speech'];
const USERS = ['user:ada', 'user:bo'] as Principal[];

interface Request {
  readonly id: string;
  readonly principal: Principal;
  readonly kind: 'create' | 'stop' | 'other';
  readonly make: () => Command;
  readonly jobId: JobId | undefined;
  tries: number;
  done: boolean;
}

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
  readonly #open = new Set<Request>();
  readonly #known: JobId[] = [];
  #requests = 0;
  #jobs = 0;
  #quiet = false;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  get openRequests(): number {
    return this.#open.size;
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

  #ask(
    kind: Request['kind'],
    make: (mark: { readonly requestId: string; readonly contentHash: string }) => Command,
    jobId?: JobId,
  ): void {
    this.#requests += 1;
    const id = `r${this.#requests}`;
    const principal = USERS[this.#sim.chance.integer(USERS.length)] as Principal;
    const mark = { requestId: id, contentHash: id };
    const request: Request = { id, principal, kind, make: () => make(mark), jobId, tries: 0, done: false };
    this.#open.add(request);
    this.#send(request);
  }

  #send(request: Request): void {
    const { world, network, controller } = this.#sim;
    if (request.done) return;
    request.tries += 1;
    if (controller === undefined || !controller.ready || !controller.process.alive) {
      world.schedule(RETRY_MS, 'user-retry', () => this.#send(request));
      return;
    }
    const { tries } = request;
    world.schedule(ANSWER_TIMEOUT_MS, 'user-timeout', () => {
      if (request.tries === tries) this.#send(request);
    });
    world.schedule(
      network.latencyMs(),
      'request',
      () => this.#serve(request, controller),
      controller.process,
    );
  }

  /** In the controller's process. */
  #serve(request: Request, { engine, process }: Controller): void {
    const command = request.make();
    const context = { principal: request.principal, nowMs: process.clock.nowMs() };
    const { world, network, chance, bug } = this.#sim;
    const answer = (take: () => void): void => {
      // An answer may be lost after all was done: the user asks again.
      const lost = this.#sim.on('connection-loss') && chance.integer(12) === 0;
      if (!lost) world.schedule(network.latencyMs(), 'answer', take);
    };
    if (bug === 'reply-before-commit') {
      const subject = command.type === 'create-job' ? command.id : (request.jobId ?? '');
      answer(() => this.#accepted(request, { subject, seq: 0, replayed: false }));
    }
    engine.submit(command, context).then(
      (outcome) => answer(() => this.#accepted(request, outcome)),
      (error: ClusterError) => answer(() => this.#refused(request, error)),
    );
  }

  #accepted(request: Request, outcome: CommandOutcome): void {
    const { checker } = this.#sim;
    this.#sim.world.mark(`${request.id} acknowledged ${outcome.subject}`);
    if (request.kind === 'create') checker.submitAcknowledged(request.id, outcome.subject as JobId);
    if (request.kind === 'stop') checker.stopAcknowledged(outcome.subject as JobId);
    if (!request.done && request.kind === 'create') this.#known.push(outcome.subject as JobId);
    this.#finish(request);
  }

  #refused(request: Request, error: ClusterError): void {
    if (request.done) return;
    const again =
      error.kind === 'unavailable' || error.kind === 'conflict' || error.code === 'PROJECT_NOT_FOUND';
    if (again) this.#sim.world.schedule(RETRY_MS, 'user-retry', () => this.#send(request));
    else this.#finish(request);
  }

  #finish(request: Request): void {
    request.done = true;
    this.#open.delete(request);
  }
}
