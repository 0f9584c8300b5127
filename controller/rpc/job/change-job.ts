/** Requests that change a waiting job, as commands. What is wrong with their values the decision says. */
import type { UpdateJobRequest } from '../../../proto/gen/nabla/v1/job_pb.ts';
import { fromWireDependencies } from '../../../proto/wire/job-spec-wire.ts';
import { fromMap, fromOptionalInt64, present } from '../../../proto/wire/scalar-wire.ts';
import type { Command } from '../../core/command.ts';
import type { JobReference } from '../../core/job/targets.ts';

/** Orders about a job that all elements of an array can be given at once. */
export type JobOrder = Extract<
  Command,
  { readonly type: 'stop-job' | 'hold-job' | 'release-job' | 'update-job' }
>;

/** @throws ClusterError invalid, with the field's path */
export function toUpdateCommand(request: UpdateJobRequest, reference: JobReference): JobOrder {
  const { priority, timeLimitMs, constraints, queue, after } = request;
  return {
    type: 'update-job',
    ...reference,
    ...present('priority', priority),
    ...present('timeLimitMs', fromOptionalInt64(timeLimitMs, 'spec.timeLimitMs')),
    ...present('constraints', constraints && fromMap(constraints.constraints, 'spec.constraints')),
    ...present('queue', queue),
    ...present('after', after && fromWireDependencies(after.after, 'spec.after')),
  };
}
