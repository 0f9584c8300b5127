/** Whether a finished job may wait once more in its queue, with what it comes after as it is by now. */
import type { Refused } from '../decision.ts';
import { refuse } from '../decision.ts';
import type { ClusterReader } from '../reader.ts';
import type { JobRecord } from './model.ts';
import { queueOf } from './model.ts';
import { stateOfDependency } from './readiness.ts';

/** A queue that is gone cannot take it; after a job that failed it would wait for ever. */
export function objectToReturn(reader: ClusterReader, job: JobRecord): Refused | undefined {
  const queue = queueOf(job);
  if (reader.scheduling.findQueue(queue) === undefined) {
    return refuse('precondition', 'QUEUE_NOT_FOUND', 'the queue of the job is gone', {
      hint: 'create the job anew in another queue',
      details: { queue },
    });
  }
  const broken = job.spec.after?.find((one) => stateOfDependency(one, reader) === 'broken');
  if (broken === undefined) return undefined;
  return refuse('precondition', 'DEPENDENCY_FAILED', 'the job comes after one that has not succeeded', {
    hint: 'retry that one first',
    details: { on: broken.on },
  });
}
