/**
 * Removes the blobs of what was deleted: after the commit that says so, and at start for deletions whose removal a
 * crash prevented. Failing to remove is logged and left to the next start; the records are gone either way.
 */
import type { JobId, ProjectId } from '../../proto/domain/ids.ts';
import type { Logger } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';

/** Removals that may wait; what comes beyond it is found by the sweep at the next start. */
export const REMOVALS_QUEUED_MAX = 10_000;

/** What the sweeper needs of the blob store, in the words of the records. */
export interface DeletedBlobs {
  removeProject(projectId: ProjectId): Promise<unknown>;
  removeJob(projectId: ProjectId, jobId: JobId): Promise<unknown>;
  listProjects(): Promise<readonly string[]>;
  listJobs(projectId: ProjectId): Promise<readonly string[]>;
}

export interface BlobSweeperOptions {
  readonly engine: Pick<Engine, 'read' | 'onCommit'>;
  readonly blobs: DeletedBlobs;
  readonly logger: Logger;
}

export interface BlobSweeper {
  /** Removes what belongs to no record any more. */
  sweep(): Promise<void>;
  /** Waits for the removal under way; the rest is left to the next start. */
  close(): Promise<void>;
}

export function createBlobSweeper({ engine, blobs, logger }: BlobSweeperOptions): BlobSweeper {
  const queue: (() => Promise<unknown>)[] = [];
  let running: Promise<void> | undefined;
  let closed = false;

  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !closed; next = queue.shift()) {
      await next().catch((error: unknown) => logger.error('blobs could not be removed', { error }));
    }
    running = undefined;
  };
  const enqueue = (remove: () => Promise<unknown>): void => {
    if (closed || queue.length >= REMOVALS_QUEUED_MAX) return;
    queue.push(remove);
    running ??= work();
  };
  const stopListening = engine.onCommit(({ events }) => {
    for (const { type, subject, projectId } of events) {
      if (projectId === undefined) continue;
      if (type === 'job-deleted') enqueue(() => blobs.removeJob(projectId, subject as JobId));
      if (type === 'project-deleted') enqueue(() => blobs.removeProject(projectId));
    }
  });

  return {
    async sweep() {
      for (const name of await blobs.listProjects()) {
        const projectId = name as ProjectId;
        if ((await engine.read((view) => view.project(projectId))) === undefined) {
          await blobs.removeProject(projectId);
          continue;
        }
        for (const jobName of await blobs.listJobs(projectId)) {
          const jobId = jobName as JobId;
          if ((await engine.read((view) => view.job(jobId))) !== undefined) continue;
          await blobs.removeJob(projectId, jobId);
        }
      }
    },
    async close() {
      closed = true;
      stopListening();
      await running;
    },
  };
}
