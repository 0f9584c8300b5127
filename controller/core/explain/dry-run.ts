/** Where jobs would go if they were submitted now, and who would have to go for them. Nothing is changed. */
import type { GpuUuid } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { DryRunPlan } from '../../../proto/domain/views.ts';
import { askPlanner, type NewPlanner } from './ask-planner.ts';
import { placeInQueue } from './changed-view.ts';
import type { ExplainInput } from './explain-job.ts';
import { gateLeft } from './gate-left.ts';
import { NO_JOBS, type SeesJob, veilJobs } from './veiled-jobs.ts';

/** `jobs`: one, or the elements of one array in their order; none of them is known to the state. One plan. */
export function planDryRun(
  newPlanner: NewPlanner,
  input: ExplainInput,
  jobs: readonly [Job, ...Job[]],
  sees: SeesJob,
): DryRunPlan {
  const [first] = jobs;
  const elements = jobs.length;
  const gate = gateLeft(input.view, first);
  if (gate !== undefined) {
    const said = { reason: gate.code, reasonMessage: gate.message };
    return { fitsNow: false, hostName: '', gpuUuids: [], ...said, ...NOTHING, elements, elementsStarting: 0 };
  }
  const concurrency = first.spec.array?.concurrency ?? 0;
  const ready = jobs.slice(0, concurrency === 0 ? elements : concurrency);
  const answers = askPlanner(newPlanner, input, ready);
  const { placement, code, message, estimate } = answers[0]!;
  const host = placement === undefined ? undefined : input.view.host(placement.hostId);
  return {
    fitsNow: placement !== undefined,
    ...(placement === undefined ? {} : { hostId: placement.hostId }),
    hostName: host?.name ?? '',
    gpuUuids: (placement?.gpuUuids ?? []) as readonly GpuUuid[],
    reason: placement === undefined ? code : 'FITS',
    reasonMessage: placement === undefined ? message : 'would be placed at once',
    position: placeInQueue(input.view, first),
    ...(estimate === undefined ? {} : { estimate }),
    displaced: veilJobs(
      input.view,
      answers.flatMap(({ victims }) => victims),
      sees,
    ),
    elements,
    elementsStarting: answers.filter((answer) => answer.placement !== undefined).length,
  };
}

const NOTHING = { position: 0, displaced: NO_JOBS } as const;
