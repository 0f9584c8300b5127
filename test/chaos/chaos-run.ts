/**
 * One run of real faults against real processes under a load of submits, judged from outside: what the cluster says
 * of its jobs and GPUs, and what the tasks themselves wrote.
 */
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { HostState } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { AttemptPhase, type Job, JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { type ClusterClient, openClusterClient } from '../kit/cluster-client.ts';
import { eventually } from '../kit/eventually.ts';
import { createTestRng } from '../kit/rng.ts';
import { type ChaosAgent, ChaosCluster } from './chaos-cluster.ts';
import { drawFaults, type Fault, type FaultCounts } from './fault-plan.ts';
import { type JobLoad, startJobLoad } from './job-load.ts';
import { judgeMarkers, readMarkers } from './markers.ts';

export interface ChaosOptions extends FaultCounts {
  readonly seed: number;
  /** Jobs that are acknowledged just before a kill of the controller. */
  readonly burst: number;
  readonly say: (line: string) => void;
}

export interface ChaosResult {
  readonly kills: number;
  readonly acknowledged: number;
  /** Acknowledged submits that are not there or did not come to their own end. */
  readonly lost: readonly string[];
  /** Tasks started twice, jobs made twice, GPUs held twice. */
  readonly doubled: readonly string[];
  /** Bounds that were passed, refusals without a cause. */
  readonly complaints: readonly string[];
  /** From the end of each fault until all agents were back and a new job had run. */
  readonly convergedMs: readonly number[];
}

const AGENTS = 2;
const GPUS_PER_AGENT = 4;
/** 95 % of agents are back within the first, all within the second, after a cut within the third. */
export const CONVERGED_P95_MS = 15_000;
const RESTART_BOUND_MS = 45_000;
const CUT_BOUND_MS = 60_000;
const DRAIN_BOUND_MS = 120_000;
const LOAD_PAUSE_MS = 120;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const cluster = await ChaosCluster.open({ agents: AGENTS, gpusPerAgent: GPUS_PER_AGENT });
  const client = await openClusterClient({
    address: cluster.addresses.grpc,
    caFile: cluster.addresses.caFile,
    token: cluster.adminToken,
  });
  let whole = false;
  try {
    const result = await new ChaosRun(options, cluster, client).run();
    whole = result.lost.length + result.doubled.length + result.complaints.length === 0;
    return result;
  } finally {
    client.close();
    if (whole) await cluster.close();
    else {
      await cluster.stopAll();
      options.say(`logs and data of the run are kept in ${cluster.folder}`);
    }
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #cluster: ChaosCluster;
  readonly #client: ClusterClient;
  readonly #load: JobLoad;
  readonly #markerFile: string;
  readonly #lost = new Set<string>();
  readonly #doubled = new Set<string>();
  readonly #complaints: string[] = [];
  readonly #convergedMs: number[] = [];
  #kills = 0;

  constructor(options: ChaosOptions, cluster: ChaosCluster, client: ClusterClient) {
    this.#options = options;
    this.#cluster = cluster;
    this.#client = client;
    this.#markerFile = path.join(cluster.folder, 'markers');
    this.#load = startJobLoad({
      client,
      markerFile: this.#markerFile,
      rng: createTestRng('load', options.seed),
      pauseMaxMs: LOAD_PAUSE_MS,
    });
  }

  async run(): Promise<ChaosResult> {
    const faults = drawFaults(this.#options, AGENTS, createTestRng('faults', this.#options.seed));
    let healed: Promise<void> = Promise.resolve();
    for (const [index, { fault, afterMs, overlap }] of faults.entries()) {
      await pause(afterMs);
      await this.#strike(fault);
      this.#options.say(`${index + 1}/${faults.length} ${describe(fault)}`);
      healed = this.#converge(fault);
      // The next fault then meets a cluster that is still recovering from this one.
      if (!overlap) await healed;
    }
    await healed;
    if (this.#options.burst > 0) await this.#burst();
    await this.#load.stop();
    await this.#drain();
    return this.#result();
  }

  async #strike(fault: Fault): Promise<void> {
    const cluster = this.#cluster;
    if (fault.kind === 'kill-controller') {
      this.#kills += 1;
      await cluster.killController();
      await pause(fault.downMs);
      await cluster.restartController();
      return;
    }
    const agent = cluster.agents[fault.agent] as ChaosAgent;
    if (fault.kind === 'kill-agent') {
      this.#kills += 1;
      await cluster.killAgent(agent);
      await pause(fault.downMs);
      cluster.restartAgent(agent);
    } else if (fault.kind === 'freeze-agent') {
      agent.process.kill('SIGSTOP');
      await this.#untilNotReady(agent);
      await pause(fault.beyondMs);
      agent.process.kill('SIGCONT');
    } else {
      agent.wire.cut(fault.which);
      await pause(fault.forMs);
      agent.wire.cut('none');
    }
  }

  /** A host that says nothing is called suspect. */
  async #untilNotReady(agent: ChaosAgent): Promise<void> {
    const isNoticed = async (): Promise<boolean> =>
      (await this.#client.listHosts()).some(
        ({ name, state }) => name === agent.name && state !== HostState.READY,
      );
    await this.#within(`${agent.name} frozen and not noticed`, 30_000, isNoticed);
  }

  /** Every host has run a new job, nothing that was acknowledged is missing, no GPU is promised twice. */
  async #converge(fault: Fault): Promise<void> {
    const boundMs = fault.kind === 'cut' || fault.kind === 'freeze-agent' ? CUT_BOUND_MS : RESTART_BOUND_MS;
    const beganMs = performance.now();
    const told = new Map(this.#load.acknowledged);
    const back = this.#cluster.agents.map((agent) => this.#untilAtWork(agent, boundMs, describe(fault)));
    if ((await Promise.all(back)).includes(false)) return;
    this.#convergedMs.push(performance.now() - beganMs);
    const jobs = await this.#listJobs();
    if (jobs === undefined) return;
    const known = new Set(jobs.map(({ id }) => id));
    for (const [id, name] of told) if (!known.has(id)) this.#lost.add(`${name} (${id}) is not there`);
    this.#noteDoublePromises(jobs);
    await this.#noteMarkers();
  }

  /** The host has run a job that could run nowhere else: API, planner, line and driver all work. */
  async #untilAtWork(agent: ChaosAgent, boundMs: number, after: string): Promise<boolean> {
    const others = this.#cluster.agents.filter((other) => other !== agent).map(({ name }) => name);
    const job = await this.#load.submitElsewhere(others);
    const isOver = async (): Promise<boolean> => {
      const reply = await this.#client.jobs.getJob({ project: 'default', job: job ?? '' });
      return reply.job?.state === JobState.SUCCEEDED;
    };
    return await this.#within(`${agent.name} not at work again after: ${after}`, boundMs, isOver);
  }

  /** Another fault may have come in between; then its own convergence looks. */
  async #listJobs(): Promise<readonly Job[] | undefined> {
    return await this.#client.listJobs().catch(() => undefined);
  }

  /** Jobs acknowledged in the last instant before the controller dies: where others lose nearly all of them. */
  async #burst(): Promise<void> {
    await this.#load.burst(this.#options.burst);
    this.#kills += 1;
    await this.#cluster.killController();
    await this.#cluster.restartController();
    this.#options.say(`controller killed right after ${this.#options.burst} acknowledgements`);
    await this.#converge({ kind: 'kill-controller', downMs: 0 });
  }

  async #drain(): Promise<void> {
    const isDrained = async (): Promise<boolean> => (await this.#client.listJobs()).every(isEnded);
    await this.#within('jobs that never end', DRAIN_BOUND_MS, isDrained, 500);
    const jobs = await this.#client.listJobs();
    const byId = new Map(jobs.map((job) => [job.id, job]));
    const verdict = await this.#noteMarkers();
    for (const [id, name] of this.#load.acknowledged) {
      const job = byId.get(id);
      if (job === undefined) this.#lost.add(`${name} (${id}) is not there`);
      else if (job.state !== JobState.SUCCEEDED)
        this.#lost.add(`${name} (${id}) ended as ${job.state}: ${job.reason} ${job.reasonMessage}`);
      else if (job.attempts.length !== 1)
        this.#complaints.push(`${name} (${id}) took ${job.attempts.length} attempts`);
    }
    for (const task of verdict.open) this.#complaints.push(`${task} started and wrote no end`);
    const names = jobs.map(({ spec }) => spec?.name ?? '');
    const twice = names.filter((name, index) => names.indexOf(name) !== index);
    for (const name of twice) this.#doubled.add(`${name} was made twice`);
    for (const { name, state } of await this.#client.listHosts())
      if (state !== HostState.READY) this.#complaints.push(`${name} is not ready at the end (${state})`);
  }

  #noteDoublePromises(jobs: readonly Job[]): void {
    const holders = new Map<string, string>();
    for (const job of jobs) {
      for (const attempt of job.attempts.filter(({ phase }) => phase !== AttemptPhase.ENDED)) {
        for (const gpu of attempt.gpuUuids) {
          const holder = holders.get(gpu);
          if (holder !== undefined) this.#doubled.add(`${gpu} promised to ${holder} and ${job.id}`);
          holders.set(gpu, job.id);
        }
      }
    }
  }

  async #noteMarkers() {
    const verdict = judgeMarkers(await readMarkers(this.#markerFile));
    for (const line of verdict.doubled) this.#doubled.add(line);
    return verdict;
  }

  async #within(
    what: string,
    deadlineMs: number,
    check: () => Promise<boolean>,
    everyMs = 50,
  ): Promise<boolean> {
    try {
      await eventually(check, { deadlineMs, everyMs, what });
      return true;
    } catch (error) {
      this.#complaints.push(String((error as Error).message));
      return false;
    }
  }

  #result(): ChaosResult {
    return {
      kills: this.#kills,
      acknowledged: this.#load.acknowledged.size,
      lost: [...this.#lost],
      doubled: [...this.#doubled],
      complaints: [...this.#complaints, ...this.#load.refused],
      convergedMs: this.#convergedMs,
    };
  }
}

function isEnded({ state }: Job): boolean {
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED;
}

export function describe(fault: Fault): string {
  if (fault.kind === 'kill-controller') return `controller killed, ${fault.downMs} ms down`;
  if (fault.kind === 'kill-agent') return `agent ${fault.agent} killed, ${fault.downMs} ms down`;
  if (fault.kind === 'freeze-agent') return `agent ${fault.agent} frozen until suspect`;
  return `agent ${fault.agent} cut off (${fault.which}) for ${fault.forMs} ms`;
}
