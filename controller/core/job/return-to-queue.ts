/** Whether a finished job may wait once more in its queue, with what it comes after as it is by now. */
import type { Refused } from '../decision.ts';
import { refuse } from '../decision.ts';
import type { ClusterReader } from '../reader.ts';
import { objectToCycle, objectToUnsettled } from './dependencies.ts';
import { objectToEntry } from './enter-queue.ts';
import type { JobRecord } from './model.ts';
import { queueOf } from './model.ts';
import { dependenciesOf, stateOfDependency } from './readiness.ts';

/**
 * It enters its queue anew, and is judged as a newcomer: by the limits of the queue as they are now, and by what it comes
 * after unless it was started before.
 */
export function objectToReturn(reader: ClusterReader, job: JobRecord): Refused | undefined {
  const queue = reader.scheduling.findQueue(queueOf(job));
  if (queue === undefined) {
    return refuse('precondition', 'QUEUE_NOT_FOUND', 'the queue of the job is gone', {
      hint: 'create the job anew in another queue',
      details: { queue: queueOf(job) },
    });
  }
  const { projectId, createdBy: user, spec } = job;
  return (
    objectToEntry(reader, queue, { projectId, user, spec, count: 1 }) ??
    objectToUnsettled(reader, job) ??
    objectToDependencies(reader, job)
  );
}

function objectToDependencies(reader: ClusterReader, job: JobRecord): Refused | undefined {
  const after = dependenciesOf(job);
  const broken = after.find((one) => stateOfDependency(one, reader) === 'broken');
  if (broken === undefined) return objectToCycle(reader, job, after);
  return refuse('precondition', 'DEPENDENCY_FAILED', 'the job comes after one that has not succeeded', {
    hint: 'retry that one first',
    details: { on: broken.on },
  });
}
