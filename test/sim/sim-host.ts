/**
 * One machine as it truly is: its GPUs, its containers, its boot. Agents come and go on it; what is counted here
 * is what really ran, whatever anybody says.
 */
import type { StartedTask, TaskPlan } from '../../agent/core/driver-port.ts';
import type { Gpu } from '../../proto/domain/catalog.ts';
import { type HostId, toTaskName } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { aGpu, gpuUuid } from '../kit/builders.ts';
import type { Cluster, Container, Host } from './parts.ts';
import { SimJournalDisk } from './sim-journal.ts';

/** As far as two clocks may drift apart. */
const DRIFT_MAX = 0.009;
const SIGTERM = 15;
const SIGKILL = 9;

export class SimHost implements Host {
  readonly id: HostId;
  readonly name: string;
  readonly sim: Cluster;
  readonly journalDisk: SimJournalDisk;
  readonly containers = new Map<string, Container>();
  readonly lostGpus = new Set<string>();
  /** Lost GPUs that a controller has been told about, and where its log ended then. */
  readonly toldLost = new Map<string, number>();
  readonly gpuCount: number;
  /** Ended containers are still there after a reboot, as with a container engine. */
  readonly keepsContainers: boolean;
  boots = 1;
  up = true;
  generation = 0;
  wallOffsetMs = 0;
  /** The container engine: `hung` answers nothing, `down` refuses. */
  engine: 'up' | 'hung' | 'down' = 'up';
  /** Effects happen, answers do not come. */
  losesReplies = false;
  /** Virtual time before which tasks of this host may have been lost for a known reason. */
  excusedAtMs = -1;
  contactAtMs = 0;
  journalTroubleUntilMs = -1;
  readonly onEngineTrouble = new Set<() => void>();
  readonly #hindrances: { readonly fromMs: number; readonly toMs: number }[] = [];
  readonly #uptimeRate: number;
  #containers = 0;

  constructor(sim: Cluster, number: number, gpuCount: number) {
    this.sim = sim;
    this.id = `host_${number}` as HostId;
    this.name = `h${number}`;
    this.gpuCount = gpuCount;
    this.keepsContainers = sim.chance.integer(2) === 1;
    this.#uptimeRate = 1 + (sim.chance.fraction() * 2 - 1) * DRIFT_MAX;
    this.journalDisk = new SimJournalDisk(this);
  }

  get bootId(): string {
    return `boot-${this.boots}`;
  }

  gpus(): readonly Gpu[] {
    return Array.from({ length: this.gpuCount }, (_, index) => {
      const uuid = gpuUuid(`${this.name}-${index}`);
      return aGpu({ uuid, index, schedulable: !this.lostGpus.has(uuid) });
    });
  }

  uptimeMs(): number {
    return this.sim.world.nowMs * this.#uptimeRate;
  }

  hinder(forMs: number): void {
    const { nowMs } = this.sim.world;
    this.#hindrances.push({ fromMs: nowMs, toMs: nowMs + forMs });
  }

  hinderedMs(sinceMs: number): number {
    const { nowMs } = this.sim.world;
    const within = this.#hindrances.map(
      ({ fromMs, toMs }) => Math.min(toMs, nowMs) - Math.max(fromMs, sinceMs),
    );
    return within.reduce((sum, forMs) => sum + Math.max(0, forMs), 0);
  }

  /** Starts the task, or gives what already bears its name. */
  start(plan: TaskPlan): StartedTask {
    const name = toTaskName(plan.key);
    const known = this.containers.get(name);
    if (known !== undefined) return known.started;
    if (plan.gpuUuids.some((uuid) => this.lostGpus.has(uuid))) {
      throw new ClusterError('precondition', 'GPU_UNAVAILABLE', 'a GPU is gone');
    }
    this.#containers += 1;
    const behaviour = this.sim.workload.behaviourOf(plan.key);
    const started = {
      containerId: `${this.name}-c${this.#containers}`,
      startedAtMs: Math.trunc(this.sim.wallMs + this.wallOffsetMs),
      ports: [],
    };
    const container: Container = {
      name,
      key: plan.key,
      gpuUuids: plan.gpuUuids,
      started,
      beganMs: this.sim.world.nowMs,
      ignoresTerm: behaviour.ignoresTerm,
      exit: undefined,
      endEvent: undefined,
      killEvent: undefined,
      onEnd: new Set(),
    };
    this.containers.set(name, container);
    this.sim.checker.containerStarted(this, container);
    container.endEvent = this.sim.world.schedule(behaviour.runMs, 'container-end', () =>
      this.end(container, { code: behaviour.code, signal: 0 }),
    );
    return started;
  }

  end(container: Container, how: { readonly code?: number; readonly signal: number }): void {
    if (container.exit !== undefined) return;
    const finishedAtMs = Math.trunc(this.sim.wallMs + this.wallOffsetMs);
    container.exit = { ...how, outOfMemory: false, finishedAtMs };
    if (container.endEvent !== undefined) container.endEvent.cancelled = true;
    if (container.killEvent !== undefined) container.killEvent.cancelled = true;
    this.sim.world.mark(`${container.name} ended on ${this.name}`);
    for (const tell of Array.from(container.onEnd)) tell();
    container.onEnd.clear();
  }

  /** SIGTERM, grace, SIGKILL. */
  stop(name: string, graceMs: number): void {
    const container = this.containers.get(name);
    if (container === undefined || container.exit !== undefined) return;
    const termMs = container.ignoresTerm ? graceMs : Math.min(graceMs, 20 + this.sim.chance.integer(400));
    const signal = termMs < graceMs ? SIGTERM : SIGKILL;
    // A second stop may only hurry.
    if (container.killEvent !== undefined) {
      if (container.killEvent.dueMs <= this.sim.world.nowMs + termMs) return;
      container.killEvent.cancelled = true;
    }
    container.killEvent = this.sim.world.schedule(termMs, 'container-kill', () =>
      this.end(container, { signal }),
    );
  }

  remove(name: string): void {
    const container = this.containers.get(name);
    if (container === undefined) return;
    if (container.exit === undefined) throw new ClusterError('precondition', 'TASK_RUNNING', 'the task runs');
    this.containers.delete(name);
  }

  /** Everything stops at once: no signal, no report. */
  powerOff(): void {
    this.up = false;
    this.engine = 'up';
    this.losesReplies = false;
    this.excusedAtMs = this.sim.world.nowMs;
    for (const container of Array.from(this.containers.values())) {
      container.onEnd.clear();
      this.end(container, { signal: SIGKILL });
      if (!this.keepsContainers) this.containers.delete(container.name);
    }
  }

  powerOn(): void {
    this.up = true;
    this.boots += 1;
  }

  engineTrouble(state: 'hung' | 'down'): void {
    this.engine = state;
    for (const tell of Array.from(this.onEngineTrouble)) tell();
    this.onEngineTrouble.clear();
  }
}
