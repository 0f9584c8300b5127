/**
 * A cluster without a store: state, decide and apply driven directly, invariants checked after every command. For
 * unit tests of decisions, where a whole engine would only be in the way.
 */
import type { Command, CommandContext } from '../../controller/core/command.ts';
import { decide, type FoundCluster } from '../../controller/core/decide.ts';
import type { Decision, DecisionOutcome, Refusal } from '../../controller/core/decision.ts';
import type { ClusterEvent, StampedEvent } from '../../controller/core/event.ts';
import type { JobRecord } from '../../controller/core/job/model.ts';
import { planFirstFit } from '../../controller/core/placement/first-fit.ts';
import type { Plan } from '../../controller/core/planner.ts';
import { apply, Touched } from '../../controller/state/apply.ts';
import { ClusterState } from '../../controller/state/cluster-state.ts';
import { findViolations } from '../../controller/state/invariants.ts';
import type { Host } from '../../proto/domain/catalog.ts';
import type { ArrayId, HostId, JobId, Principal, ProjectId } from '../../proto/domain/ids.ts';
import type { JobSpec } from '../../proto/domain/job.ts';
import type { TaskObservation } from '../../proto/domain/task.ts';
import {
  aHost,
  aJobSpec,
  anInventory,
  anObservation,
  aPrincipal,
  hostId,
  jobId,
  projectId,
  someGpus,
  T0_MS,
} from './builders.ts';

export interface Done {
  readonly events: readonly ClusterEvent[];
  readonly outcome: DecisionOutcome;
}

type SpecPart = NonNullable<Parameters<typeof aJobSpec>[0]>;

export class World {
  readonly state: ClusterState;
  readonly log: StampedEvent[] = [];
  nowMs = T0_MS;
  #nextJob = 1;

  constructor(options: { readonly requestsMax?: number; readonly founded?: boolean } = {}) {
    this.state = new ClusterState(options);
    if (options.founded !== false) {
      this.run({ type: 'found-cluster', clusterId: 'cluster_1', projectId: projectId('default') });
    }
  }

  get defaultProject(): ProjectId {
    return projectId('default');
  }

  decide(command: Command | FoundCluster, principal: Principal = aPrincipal): Decision {
    const context: CommandContext = { principal, nowMs: this.nowMs };
    return decide(this.state, command, context);
  }

  /** Decides and applies; a refusal fails the test. */
  run(command: Command | FoundCluster, principal: Principal = aPrincipal): Done {
    const decision = this.decide(command, principal);
    if (!decision.ok) throw new Error(`refused: ${decision.error.code}: ${decision.error.message}`);
    for (const event of decision.events) this.apply(event, principal);
    const violations = findViolations(this.state);
    if (violations.length > 0) throw new Error(`after ${command.type}: ${violations.join('; ')}`);
    return { events: decision.events, outcome: decision.outcome };
  }

  /** The refusal of a command; an acceptance fails the test. */
  refusal(command: Command | FoundCluster, principal: Principal = aPrincipal): Refusal {
    const decision = this.decide(command, principal);
    if (decision.ok) throw new Error(`${command.type} was accepted`);
    return decision.error;
  }

  apply(event: ClusterEvent, principal: Principal = aPrincipal): Touched {
    const touched = new Touched();
    const stamped = { seq: this.state.headSeq + 1, epoch: 1, timeMs: this.nowMs, principal, event };
    apply(this.state, stamped, touched);
    this.log.push(stamped);
    return touched;
  }

  addHost(part: Partial<Host> = {}): HostId {
    const { id, name, bootId, agentVersion, inventory } = aHost(part);
    this.run({ type: 'register-host', hostId: id, name, bootId, agentVersion, inventory });
    return id;
  }

  addGpuHost(gpuCount: number): HostId {
    return this.addHost({ inventory: anInventory({ gpus: someGpus(gpuCount) }) });
  }

  addJob(spec: SpecPart = {}, part: { readonly hold?: boolean } = {}): JobId {
    const id = this.#mintJob();
    this.run({ type: 'create-job', id, project: 'default', spec: this.spec(spec), secrets: [], ...part });
    return id;
  }

  /** One element per index, in their order. */
  addArray(
    indices: readonly number[],
    part: SpecPart & { readonly concurrency?: number } = {},
  ): readonly JobId[] {
    const command = this.#newArray(indices, part);
    this.run(command);
    return command.array.elements.map(({ id }) => id);
  }

  arrayRefusal(indices: readonly number[], part: SpecPart = {}): Refusal {
    return this.refusal(this.#newArray(indices, part));
  }

  #mintJob(): JobId {
    return jobId(String(this.#nextJob++).padStart(6, '0'));
  }

  #newArray(indices: readonly number[], part: SpecPart & { readonly concurrency?: number }) {
    const { concurrency = 0, ...spec } = part;
    const elements = indices.map((index) => ({ id: this.#mintJob(), index }));
    const array = { id: `arr_${elements[0]!.id}x` as ArrayId, elements, concurrency };
    const base = { type: 'create-job', project: 'default', spec: this.spec(spec), secrets: [] } as const;
    return { ...base, id: elements[0]!.id, array };
  }

  /** Ids of the jobs that may start, in order. */
  queue(): readonly JobId[] {
    return this.state.queue().map(({ id }) => id);
  }

  spec(part: SpecPart = {}): JobSpec {
    return aJobSpec(part);
  }

  /** The refusal of a job with this spec. */
  jobRefusal(spec: SpecPart): Refusal {
    return this.refusal({
      type: 'create-job',
      id: jobId('x'),
      project: 'default',
      spec: this.spec(spec),
      secrets: [],
    });
  }

  plan(readyHosts: readonly HostId[] = [...this.state.hosts()].map((host) => host.id)): Plan {
    return planFirstFit({
      view: this.state,
      readyHosts: new Set(readyHosts),
      nowMs: this.nowMs,
      seed: 1,
      placementsMax: 1_000,
    });
  }

  place(): Done {
    return this.run({ type: 'place-jobs', placements: this.plan().placements });
  }

  job(id: JobId): JobRecord {
    const job = this.state.job(id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return job;
  }

  /** One report about the newest attempt of a job, from the host that it was placed on. */
  observe(id: JobId, part: Partial<TaskObservation>, bootId = 'boot-1'): Done {
    const attempt = this.job(id).attempts.at(-1)!;
    const task = anObservation({ key: { jobId: id, attempt: attempt.number, task: 0 }, ...part });
    return this.report(attempt.hostId, [task], { bootId });
  }

  report(
    from: HostId,
    tasks: readonly TaskObservation[],
    part: { readonly bootId?: string; readonly complete?: boolean; readonly revisionApplied?: number } = {},
  ): Done {
    const base = {
      type: 'observe-tasks',
      hostId: from,
      bootId: 'boot-1',
      reportSeq: 1,
      complete: false,
    } as const;
    return this.run({ ...base, ...part, tasks }, `agent:${from}` as Principal);
  }
}

export const theHost = hostId('1');
