/**
 * The reading half of JobService: watching a job, its log, commands inside it, its artifacts.
 */
import type { LogFrameKind } from '../../../proto/domain/frame.ts';
import { gapBytesOf } from '../../../proto/domain/frame.ts';
import type { JobId, TaskKey } from '../../../proto/domain/ids.ts';
import { type Attempt, isFinished, type Job } from '../../../proto/domain/job.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ExecRequest, JobService } from '../../../proto/gen/nabla/v1/job_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { logStreamBridge } from '../../../proto/wire/enum-wire.ts';
import { toWireArtifact, toWireJob } from '../../../proto/wire/job-wire.ts';
import { fromInt64, toInt64 } from '../../../proto/wire/scalar-wire.ts';
import { foundJob } from '../../core/found-record.ts';
import type { PlacedFrame } from '../logs/log-frames.ts';
import { readLogs } from '../logs/read-logs.ts';
import {
  checkGlobs,
  failRequest,
  projectReference,
  requireReference,
  requireWithin,
  TAIL_LINES_MAX,
} from '../request-field.ts';
import type { ServicePorts } from '../service-ports.ts';
import { toJobView } from '../view/job-view.ts';
import { destroyArtifacts, listArtifacts } from './artifact-listing.ts';
import { bridgeExec, toStartPayload } from './exec-bridge.ts';

type Handlers = ServiceHandlers<typeof JobService>;
export type JobReadHandlers = Pick<
  Handlers,
  'watchJob' | 'readLogs' | 'exec' | 'listArtifacts' | 'destroyArtifacts'
>;

const ATTEMPT_MAX = 1_000_000;

interface JobReference {
  readonly project: string;
  readonly job: string;
}

export function createJobReads(ports: ServicePorts): JobReadHandlers {
  const { engine, blobs } = ports;
  return {
    watchJob: (request, context) => watchJob(ports, request, context),
    async *readLogs(request, { signal }) {
      const job = await findJob(ports, request);
      const query = {
        projectId: job.projectId,
        jobId: job.id,
        attempt: requireWithin(request.attempt, 'attempt', 0, ATTEMPT_MAX),
        task: requireWithin(request.task, 'task', 0, job.spec.tasks - 1),
        offset: requireWithin(fromInt64(request.offset, 'offset'), 'offset', 0, Number.MAX_SAFE_INTEGER),
        follow: request.follow,
        tailLines: requireWithin(request.tailLines, 'tailLines', 0, TAIL_LINES_MAX),
        stream: logStreamBridge.fromWireOptional(request.stream, 'stream'),
      };
      for await (const part of readLogs(ports, query, signal)) {
        const { attempt } = part;
        if (part.kind === 'frames') {
          for (const frame of part.frames) yield toLogAnswer(frame, attempt);
        } else {
          const offset = toInt64(part.offset);
          yield { attempt, offset, nextOffset: offset, eof: true };
        }
      }
    },
    exec: (requests, context) => exec(ports, requests, context),
    async listArtifacts({ project, job, attempt, globs, pageToken }) {
      const query = await artifactQuery(ports, { project, job }, attempt, globs);
      if (query === undefined) return { artifacts: [] };
      const page = await listArtifacts(blobs, query, pageToken);
      return { artifacts: page.artifacts.map(toWireArtifact), nextPageToken: page.nextPageToken };
    },
    async destroyArtifacts({ project, job, attempt, globs }) {
      const query = await artifactQuery(ports, { project, job }, attempt, globs);
      if (query === undefined) return { destroyed: 0, freedBytes: 0n };
      const active = await engine.read((view) => attemptOf(view.job(query.key.jobId), query.key.attempt));
      if (active !== undefined && active.phase !== 'ended') throw stillRunning(query.key);
      const { destroyed, freedBytes } = await destroyArtifacts(blobs, query);
      return { destroyed, freedBytes: toInt64(freedBytes) };
    },
  };
}

function findJob({ engine }: ServicePorts, reference: JobReference): Promise<Job> {
  const project = projectReference(reference.project);
  const job = requireReference(reference.job, 'job');
  return engine.read((view) => foundJob(view, project, job));
}

interface WatchRequest extends JobReference {
  readonly afterRevision: bigint;
}

/** One job now and after each change. Whoever is slow misses states in between, never the last one. */
async function* watchJob(ports: ServicePorts, request: WatchRequest, { signal }: CallContext) {
  const { engine, hub, clock } = ports;
  let shown = fromInt64(request.afterRevision, 'afterRevision');
  const { id } = await findJob(ports, request);
  const subscription = hub.watchJob(id);
  try {
    while (!signal.aborted) {
      const job = await engine.read((view) => {
        const found = view.job(id);
        return found === undefined ? undefined : toJobView(view, found, ports.waitReason, clock.nowMs());
      });
      if (job === undefined) throw jobDeleted(id);
      if (job.revision > shown) {
        shown = job.revision;
        yield { job: toWireJob(job satisfies JobView) };
      }
      if (isFinished(job.state)) return;
      await subscription.changed({ signal });
    }
  } finally {
    subscription.close();
  }
}

function toLogAnswer({ offset, nextOffset, frame }: PlacedFrame, attempt: number) {
  const place = { attempt, offset: toInt64(offset), nextOffset: toInt64(nextOffset) };
  if (frame.kind === 'gap') return { ...place, gapBytes: toInt64(gapBytesOf(frame)) };
  const stream = logStreamBridge.toWire(frame.kind satisfies Exclude<LogFrameKind, 'gap'>);
  return { ...place, stream, timeMs: toInt64(frame.timeMs), data: frame.payload };
}

async function* exec(ports: ServicePorts, requests: AsyncIterable<ExecRequest>, { signal }: CallContext) {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.case !== 'start') return failRequest('start', 'must come first');
  const start = message.value;
  const payload = toStartPayload(start);
  const job = await findJob(ports, start);
  const task = requireWithin(start.task, 'task', 0, job.spec.tasks - 1);
  const attempt = job.attempts.at(-1);
  if (attempt?.phase !== 'running') throw notRunning(job);
  const key: TaskKey = { jobId: job.id, attempt: attempt.number, task };
  const stream = await ports.connections.openExec(attempt.hostId, key, signal);
  for await (const answer of bridgeExec(stream, payload, iterator)) yield { message: answer };
}

async function artifactQuery(
  ports: ServicePorts,
  reference: JobReference,
  number: number,
  globs: readonly string[],
) {
  checkGlobs(globs);
  const job = await findJob(ports, reference);
  requireWithin(number, 'attempt', 0, ATTEMPT_MAX);
  const attempt = number === 0 ? job.attempts.at(-1) : job.attempts[number - 1];
  if (attempt === undefined && number === 0) return undefined;
  if (attempt === undefined) throw attemptNotFound(job, number);
  return { projectId: job.projectId, key: { jobId: job.id, attempt: attempt.number, task: 0 }, globs };
}

function attemptOf(job: Job | undefined, number: number): Attempt | undefined {
  return job?.attempts[number - 1];
}

function jobDeleted(jobId: JobId): ClusterError {
  return new ClusterError('not-found', 'JOB_NOT_FOUND', 'the job was deleted', { details: { jobId } });
}

function notRunning(job: Job): ClusterError {
  return new ClusterError('precondition', 'JOB_NOT_RUNNING', 'the job is not running', {
    hint: 'a command can be run inside a job only while it runs',
    details: { jobId: job.id, state: job.state },
  });
}

function attemptNotFound(job: Job, attempt: number): ClusterError {
  return new ClusterError('not-found', 'ATTEMPT_NOT_FOUND', 'the job has no such attempt', {
    hint: `the job has ${job.attempts.length} attempts`,
    details: { jobId: job.id, attempt: String(attempt) },
  });
}

function stillRunning(key: TaskKey): ClusterError {
  return new ClusterError('precondition', 'ATTEMPT_NOT_ENDED', 'the attempt still writes its artifacts', {
    hint: 'stop the job or wait for its end',
    details: { jobId: key.jobId, attempt: String(key.attempt) },
  });
}
