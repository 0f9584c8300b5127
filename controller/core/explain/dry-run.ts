/** Where jobs would go if they were submitted now, and who would have to go for them. Nothing is changed. */
import type { GpuUuid } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { DryRunPlan } from '../../../proto/domain/views.ts';
import type { Planner } from '../planner.ts';
import { type Answer, askPlanner } from './ask-planner.ts';
import { placeInQueue } from './changed-view.ts';
import type { ExplainInput } from './explain-job.ts';
import { ELEMENTS_ASKED_MAX } from './explain-limits.ts';
import { gateLeft } from './gate-left.ts';
import { judgeHosts } from './host-groups.ts';
import { forecastStart, whyUnknown } from './start-forecast.ts';
import { NO_JOBS, type SeesJob, veilJobs } from './veiled-jobs.ts';

/** `jobs`: one, or the elements of one array in their order; none of them is known to the state. One plan. */
export function planDryRun(
  planner: Planner,
  input: ExplainInput,
  jobs: readonly [Job, ...Job[]],
  sees: SeesJob,
): DryRunPlan {
  const [first] = jobs;
  const { view } = input;
  const gate = gateLeft(view, first);
  if (gate !== undefined) return waits(input, jobs, { ...gate, victims: [] }, 0);
  const concurrency = first.spec.array?.concurrency ?? 0;
  const atOnceMax = Math.min(concurrency === 0 ? jobs.length : concurrency, ELEMENTS_ASKED_MAX);
  const answers = askPlanner(planner, input, jobs.slice(0, atOnceMax));
  const answer = answers[0]!;
  const position = placeInQueue(view, first);
  const displaced = veilJobs(view, new Set(answers.flatMap(({ victims }) => victims)), sees);
  const elementsStarting = answers.filter(({ placement }) => placement !== undefined).length;
  const { placement } = answer;
  if (placement === undefined)
    return { ...waits(input, jobs, answer, position), displaced, elementsStarting };
  return {
    fitsNow: true,
    hostId: placement.hostId,
    hostName: view.host(placement.hostId)?.name ?? '',
    gpuUuids: placement.gpuUuids as readonly GpuUuid[],
    reason: 'FITS',
    reasonMessage: 'would be placed at once',
    position,
    unknownBecause: '',
    displaced,
    elements: jobs.length,
    elementsStarting,
  };
}

/** `position` 0: something else than room would keep it back. */
function waits(
  input: ExplainInput,
  jobs: readonly [Job, ...Job[]],
  answer: Answer,
  position: number,
): DryRunPlan {
  const [job] = jobs;
  const judged = judgeHosts(input, job);
  const estimate = answer.estimate ?? forecastStart(input, job, position, judged);
  return {
    fitsNow: false,
    hostName: '',
    gpuUuids: [],
    reason: answer.code,
    reasonMessage: answer.message,
    position,
    ...(estimate === undefined ? {} : { estimate }),
    unknownBecause: estimate === undefined ? whyUnknown(answer.code, job, judged) : '',
    displaced: NO_JOBS,
    elements: jobs.length,
    elementsStarting: 0,
  };
}
