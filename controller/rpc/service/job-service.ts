/**
 * JobService: the writing half (create, stop, delete, retry, tag) and simple reads; job-reads has the streams.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import { LIMITS } from '../../../proto/domain/limits.ts';
import { JOB_LIST } from '../../../proto/domain/record-list.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import { type Job, JobSchema, type JobService } from '../../../proto/gen/nabla/v1/job_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import { toWireDryRunPlan, toWireJob } from '../../../proto/wire/job-wire.ts';
import { fromInt64 } from '../../../proto/wire/scalar-wire.ts';
import { found, foundJob, foundProject } from '../../core/found-record.ts';
import { visibleJobs } from '../../core/identity/access.ts';
import type { ClusterView } from '../../core/view.ts';
import { requireAccess } from '../auth/door.ts';
import { type JobOrder, toUpdateCommand } from '../job/change-job.ts';
import { dryRunJob, toCreateJobCommand } from '../job/create-job.ts';
import { createJobReads } from '../job/job-reads.ts';
import { listPage } from '../list-page.ts';
import {
  checkRequestId,
  optionalReference,
  projectReference,
  requireReference,
  requireWithin,
} from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';
import { toJobView, toListedJob, withHostNames } from '../view/job-view.ts';

export function createJobService(ports: ServicePorts): ServiceHandlers<typeof JobService> {
  const { engine, clock, live, waitReason } = ports;
  /** The job as committed, after a command named it. */
  const show = async (id: string, reasonOf = waitReason): Promise<Job> =>
    engine.read((view) => {
      const job = view.job(id as JobId);
      const lookup = job === undefined ? ABSENT : ({ found: true, record: job } as const);
      const record = found(lookup, { ref: id, noun: 'job', list: 'jobs list' });
      return toWireJob(toJobView(view, record, reasonOf, clock.nowMs()));
    });
  /** Orders that an array may be given, too. */
  const order = async (command: JobOrder, context: CallContext) => {
    const { subject, subjects = [] } = await engine.submit(command, commandContext(ports, context));
    return { job: await show(subject), jobIds: [...subjects] };
  };
  return {
    ...createJobReads(ports),
    async createJob(request, context) {
      const command = await toCreateJobCommand(ports, request);
      if (request.dryRun) {
        const plan = await dryRunJob(ports, command, context);
        return { plan: toWireDryRunPlan(plan) };
      }
      const { subject, replayed } = await engine.submit(command, commandContext(ports, context));
      // The planner has hardly seen a new job; to ask it would index the reasons of the whole queue.
      const reasonOf = replayed ? waitReason : () => undefined;
      return { job: await show(subject, reasonOf), ...(await engine.read((view) => arrayOf(view, subject))) };
    },
    async getJob(request) {
      const project = projectReference(request.project);
      const ref = requireReference(request.job, 'job');
      const shown = await engine.read((view) =>
        toJobView(view, foundJob(view, project, ref), waitReason, clock.nowMs(), live.stateOf),
      );
      return { job: toWireJob(shown) };
    },
    async listJobs({ project, options }, { caller }) {
      optionalReference(project, 'project');
      const page = await engine.read((view) => {
        const nowMs = clock.nowMs();
        const jobs =
          project === ''
            ? visibleJobs(view, requireAccess(view, caller, nowMs))
            : view.jobs(foundProject(view, project).id);
        const records = Array.from(jobs, (job) => toListedJob(view, job, waitReason, nowMs, live.stateOf));
        const toWire = (job: JobView): Job => toWireJob(withHostNames(view, job));
        return listPage({ kind: JOB_LIST, records, schema: JobSchema, toWire }, options);
      });
      return { jobs: page.records, nextPageToken: page.nextPageToken };
    },
    async stopJob(request, context) {
      const graceMs =
        request.graceMs === undefined
          ? {}
          : { graceMs: requireWithin(fromInt64(request.graceMs, 'graceMs'), 'graceMs', 0, LIMITS.graceMs) };
      return order({ type: 'stop-job', ...toReference(request), ...graceMs }, context);
    },
    holdJob: (request, context) => order({ type: 'hold-job', ...toReference(request) }, context),
    releaseJob: (request, context) => order({ type: 'release-job', ...toReference(request) }, context),
    updateJob: (request, context) => order(toUpdateCommand(request, toReference(request)), context),
    async deleteJob(request, context) {
      await engine.submit({ type: 'delete-job', ...toReference(request) }, commandContext(ports, context));
      return {};
    },
    async retryJob(request, context) {
      const reference = toReference(request);
      const requestId = checkRequestId(request.requestId);
      const contentHash = sha256Hex(`retry-job\n${reference.project}\n${reference.job}`);
      const mark = requestId === '' ? {} : { request: { requestId, contentHash } };
      const { subject } = await engine.submit(
        { type: 'retry-job', ...reference, ...mark },
        commandContext(ports, context),
      );
      return { job: await show(subject) };
    },
    async updateJobTags(request, context) {
      const { add, remove } = request;
      const { subject } = await engine.submit(
        { type: 'tag-job', ...toReference(request), add, remove },
        commandContext(ports, context),
      );
      return { job: await show(subject) };
    },
  };
}

/** What the answer to a creation says beside the job, if that is an element of an array. */
function arrayOf(view: ClusterView, id: string): { readonly arrayId?: string; readonly jobIds?: string[] } {
  const array = view.job(id as JobId)?.spec.array;
  if (array === undefined) return {};
  return { arrayId: array.arrayId, jobIds: view.arrayJobs(array.arrayId).map((job) => job.id) };
}

const ABSENT = { found: false, why: 'absent', matches: [] } as const;

function toReference(request: { readonly project: string; readonly job: string }) {
  return { project: projectReference(request.project), job: requireReference(request.job, 'job') };
}
