/**
 * Keeps the number of finished jobs bounded where the operator asked for it: the oldest are deleted with all that is
 * theirs, as by hand. Deleting is a command like any other, so the log tells of it and a crash in between costs nothing.
 */
import type { JobId, Principal, ProjectId } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';
import type { ClusterView } from '../core/view.ts';

/** Every look walks over all jobs, so it is only taken after this many more have ended. */
const ENDS_PER_LOOK_MAX = 1_000;
/** Deletions under way at once. */
const DELETIONS_AT_ONCE = 64;
const PRINCIPAL = 'system' as Principal;

export interface JobRetentionOptions {
  readonly engine: Pick<Engine, 'read' | 'submit' | 'onCommit'>;
  /** Finished jobs that stay; 0: all of them. */
  readonly keptMax: number;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}

export interface JobRetention {
  /** Looks now, for what ended before a restart. Resolves when the surplus is gone. */
  look(): Promise<void>;
  /** Waits for the deletions under way. Idempotent. */
  close(): Promise<void>;
}

export function createJobRetention(options: JobRetentionOptions): JobRetention {
  const { engine, keptMax, clock, logger } = options;
  if (keptMax === 0) return { look: () => Promise.resolve(), close: () => Promise.resolve() };
  const endsPerLook = Math.max(1, Math.min(ENDS_PER_LOOK_MAX, Math.floor(keptMax / 10)));
  let endsSinceLook = 0;
  let closed = false;
  let running: Promise<void> | undefined;

  const remove = async ({ project, job }: Surplus): Promise<void> => {
    const context = { principal: PRINCIPAL, nowMs: clock.nowMs() };
    await engine.submit({ type: 'delete-job', project, job }, context);
  };
  const removeSurplus = async (): Promise<void> => {
    const surplus = await engine.read((view) => findSurplus(view, keptMax));
    for (let at = 0; at < surplus.length && !closed; at += DELETIONS_AT_ONCE) {
      await Promise.all(surplus.slice(at, at + DELETIONS_AT_ONCE).map(remove));
    }
    if (surplus.length > 0) logger.info('old jobs were deleted', { jobs: surplus.length, keptMax });
  };
  const look = (): Promise<void> => {
    endsSinceLook = 0;
    // A failure leaves them to the next look: nothing depends on when they go.
    running ??= removeSurplus()
      .catch((error: unknown) => logger.warn('old jobs could not be deleted', { error }))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const stopListening = engine.onCommit(({ events }) => {
    for (const { type } of events) if (type === 'job-finished') endsSinceLook++;
    if (endsSinceLook >= endsPerLook && !closed) void look();
  });

  return {
    look,
    async close() {
      closed = true;
      stopListening();
      await running;
    },
  };
}

interface Surplus {
  readonly project: ProjectId;
  readonly job: JobId;
}

/** The oldest finished jobs beyond `keptMax` that no host holds anything of. O(jobs). */
export function findSurplus(view: Pick<ClusterView, 'jobs'>, keptMax: number): readonly Surplus[] {
  const finished = [...view.jobs()].filter(
    ({ state, attempts }) => isFinished(state) && attempts.every(({ released }) => released),
  );
  const surplus = finished.length - keptMax;
  if (surplus <= 0) return [];
  finished.sort((left, right) => left.finishedAtMs - right.finishedAtMs || (left.id < right.id ? -1 : 1));
  return finished.slice(0, surplus).map(({ projectId: project, id: job }) => ({ project, job }));
}
