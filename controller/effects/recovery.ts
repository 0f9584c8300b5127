/**
 * The first time of a cluster that was restored from a backup: agents run tasks that the backup does not know. What
 * can be taken up is (its job waits for just that attempt), the rest is kept running and its host left alone;
 * planning waits for the known hosts, so that nothing is started twice.
 */
import type { HostId, JobId, Principal } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import type { TaskObservation } from '../../proto/domain/task.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';
import type { Planner } from '../core/planner.ts';
import type { ClusterView } from '../core/view.ts';

/** Planning waits for hosts that do not answer no longer than this. */
export const RECOVERY_WAIT_MS = 5 * 60_000;
const DRIVERS = ['process', 'docker'] as const;

/** What a session needs of it. */
export interface TaskKeeper {
  /** Takes up what can be; answers with the tasks to keep that the cluster does not know. */
  welcome(
    hostId: HostId,
    bootId: string,
    tasks: readonly TaskObservation[],
  ): Promise<readonly TaskObservation[]>;
  /** A report came; true when a kept task has ended and need no longer be kept. */
  observed(hostId: HostId, tasks: readonly TaskObservation[]): boolean;
  kept(hostId: HostId): readonly TaskObservation[];
}

export interface RecoveryPhase extends TaskKeeper {
  /** Hosts that may get work now. */
  readyHosts(): ReadonlySet<HostId>;
  /** Leaves out jobs whose unknown attempt may still run. */
  guard(planner: Planner): Planner;
  close(): void;
}

export interface RecoveryOptions {
  readonly engine: Pick<Engine, 'read' | 'submit' | 'onCommit'>;
  readonly readyHosts: () => ReadonlySet<HostId>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Planning may go on, or more hosts may get work. */
  readonly onOpen: () => void;
  /** Every known host answered and nothing unknown runs any more: the next start is an ordinary one. */
  readonly onDone: () => Promise<void>;
  readonly waitMs?: number;
}

interface KeptHost {
  readonly bootId: string;
  readonly tasks: Map<string, TaskObservation>;
}

export function createRecovery(options: RecoveryOptions): RecoveryPhase {
  return new Recovery(options);
}

class Recovery implements RecoveryPhase {
  readonly #options: RecoveryOptions;
  readonly #answered = new Set<HostId>();
  readonly #hosts = new Map<HostId, KeptHost>();
  readonly #stopListening: () => void;
  readonly #timer: Timer;
  #open = false;
  #waited = false;
  #done = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    const { engine, clock, logger, waitMs = RECOVERY_WAIT_MS } = options;
    logger.warn('the cluster was restored: planning waits for the known hosts', { waitMs });
    this.#stopListening = engine.onCommit(({ jobs }) => this.#tryAgain(jobs));
    this.#timer = clock.after(waitMs, () => {
      this.#waited = true;
      void this.#look();
    });
  }

  async welcome(
    hostId: HostId,
    bootId: string,
    tasks: readonly TaskObservation[],
  ): Promise<readonly TaskObservation[]> {
    const { engine, logger } = this.#options;
    const unknown = await engine.read((view) => tasks.filter((task) => !isKnown(view, task)));
    const host: KeptHost = { bootId, tasks: new Map() };
    for (const task of unknown) {
      if (await this.#adopt(hostId, bootId, task)) continue;
      if (isKeepable(task)) host.tasks.set(toTaskName(task.key), task);
    }
    if (host.tasks.size > 0) {
      this.#hosts.set(hostId, host);
      logger.warn('tasks of the lost time are kept; their host gets no new work', {
        hostId,
        tasks: [...host.tasks.keys()],
      });
    } else this.#hosts.delete(hostId);
    this.#answered.add(hostId);
    await this.#look();
    return this.kept(hostId);
  }

  observed(hostId: HostId, tasks: readonly TaskObservation[]): boolean {
    const host = this.#hosts.get(hostId);
    if (host === undefined) return false;
    const ended = tasks.filter(
      ({ key, phase, stopped }) => phase === 'exited' && stopped && host.tasks.has(toTaskName(key)),
    );
    for (const { key } of ended) host.tasks.delete(toTaskName(key));
    if (ended.length > 0) this.#release(hostId);
    return ended.length > 0;
  }

  kept(hostId: HostId): readonly TaskObservation[] {
    return [...(this.#hosts.get(hostId)?.tasks.values() ?? [])];
  }

  readyHosts(): ReadonlySet<HostId> {
    const ready = this.#options.readyHosts();
    if (!this.#open) return new Set();
    return this.#hosts.size === 0 ? ready : new Set([...ready].filter((hostId) => !this.#hosts.has(hostId)));
  }

  guard(planner: Planner): Planner {
    return (input) => {
      const plan = planner(input);
      if (this.#hosts.size === 0) return plan;
      const held = new Set<JobId>();
      for (const { tasks } of this.#hosts.values()) for (const { key } of tasks.values()) held.add(key.jobId);
      return { ...plan, placements: plan.placements.filter(({ jobId }) => !held.has(jobId)) };
    };
  }

  close(): void {
    this.#stopListening();
    this.#timer.cancel();
    this.#done = true;
  }

  /** Places the very attempt that runs there, so that it is the job's own from now on. */
  async #adopt(hostId: HostId, bootId: string, task: TaskObservation): Promise<boolean> {
    const { engine, clock, logger } = this.#options;
    const { jobId, attempt } = task.key;
    const gpuUuids = task.gpuUuids ?? [];
    // Which driver it is follows from the spec; the wrong one is refused.
    for (const driver of DRIVERS) {
      const { refused = [] } = await engine.submit(
        { type: 'place-jobs', placements: [{ jobId, attempt, hostId, gpuUuids, driver }], selfFenceMs: 0 },
        { principal: 'system' as Principal, nowMs: clock.nowMs() },
      );
      if (refused.length > 0) continue;
      await engine.submit(
        { type: 'observe-tasks', hostId, bootId, reportSeq: 0, complete: false, tasks: [task] },
        { principal: `agent:${hostId}` as Principal, nowMs: clock.nowMs() },
      );
      logger.info('a task of the lost time was taken up', { hostId, task: toTaskName(task.key) });
      return true;
    }
    return false;
  }

  /** A job that changed may now wait for the attempt that is kept for it. */
  #tryAgain(jobs: ReadonlySet<JobId>): void {
    for (const [hostId, { bootId, tasks }] of this.#hosts) {
      for (const [name, task] of tasks) {
        if (!jobs.has(task.key.jobId)) continue;
        this.#adopt(hostId, bootId, task).then(
          (adopted) => {
            if (!adopted) return;
            tasks.delete(name);
            this.#release(hostId);
          },
          (error: unknown) =>
            this.#options.logger.warn('a task could not be taken up', { task: name, error }),
        );
      }
    }
  }

  #release(hostId: HostId): void {
    if (this.#hosts.get(hostId)?.tasks.size !== 0) return;
    this.#hosts.delete(hostId);
    this.#options.onOpen();
    void this.#look();
  }

  async #look(): Promise<void> {
    const { engine, logger, onOpen, onDone } = this.#options;
    if (this.#done) return;
    const missing = await engine.read((view) =>
      [...view.hosts()].filter(({ id }) => !this.#answered.has(id)),
    );
    if (!this.#open && (this.#waited || missing.length === 0)) {
      this.#open = true;
      logger.info('planning goes on after the restore', { missing: missing.map(({ id }) => id) });
      onOpen();
    }
    // Hosts that joined after the backup are not known and may still come, so the full time passes in any case.
    if (this.#done || !this.#waited || missing.length > 0 || this.#hosts.size > 0) return;
    this.#done = true;
    logger.info('recovery is over');
    await onDone().catch((error: unknown) => logger.error('the mark of the recovery stays', { error }));
  }
}

function isKnown(view: ClusterView, { key }: TaskObservation): boolean {
  const job = view.job(key.jobId);
  return job !== undefined && key.attempt <= job.attempts.length;
}

/** Runs or may run, and its agent has it on record. */
function isKeepable({ phase, observedGeneration }: TaskObservation): boolean {
  return observedGeneration > 0 && phase !== 'accepted' && phase !== 'exited';
}
