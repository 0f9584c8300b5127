/**
 * Job calls over gRPC, wire to domain.
 */

import type { Artifact } from '../../proto/domain/views.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type * as wire from '../../proto/gen/nabla/v1/job_pb.ts';
import type { JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import type { ServiceClient } from '../../proto/rpc/method-types.ts';
import { toWireListOptions } from '../../proto/wire/catalog-wire.ts';
import { logStreamBridge } from '../../proto/wire/enum-wire.ts';
import { toWireDependency, toWireJobSpec } from '../../proto/wire/job-spec-wire.ts';
import { fromWireArtifact, fromWireDryRunPlan, fromWireJob } from '../../proto/wire/job-wire.ts';
import { fromInt64, fromPresent, present } from '../../proto/wire/scalar-wire.ts';
import type { ExecInput, ExecOutput, JobCalls, LogChunk, OrderedJobs } from './cluster-client.ts';
import { relabel, relabelStream, type Whereabouts } from './connection-error.ts';

export function createJobCalls(client: ServiceClient<typeof JobService>, told: Whereabouts): JobCalls {
  const jobOf = async (answer: Promise<{ readonly job?: wire.Job | undefined }>) =>
    fromWireJob(fromPresent((await relabel(answer, told)).job, 'job'));
  const orderOf = async (
    answer: Promise<{ readonly job?: wire.Job | undefined; readonly jobIds: string[] }>,
  ): Promise<OrderedJobs> => {
    const { job, jobIds } = await relabel(answer, told);
    return { job: fromWireJob(fromPresent(job, 'job')), jobIds };
  };
  return {
    async create({ spec, array, hold = false, ...rest }) {
      const request = { ...rest, spec: toWireJobSpec(spec), hold, ...present('array', array) };
      const { job, plan, arrayId, jobIds } = await relabel(client.createJob(request), told);
      return {
        ...present('job', job === undefined ? undefined : fromWireJob(job)),
        ...present('plan', plan === undefined ? undefined : fromWireDryRunPlan(plan)),
        ...(arrayId === '' ? {} : { arrayId, jobIds }),
      };
    },
    get: (ref) => jobOf(client.getJob(ref)),
    async list(project, options) {
      const answer = await relabel(client.listJobs({ project, options: toWireListOptions(options) }), told);
      return {
        records: answer.jobs.map((job) => fromWireJob(job)),
        nextPageToken: answer.nextPageToken,
      };
    },
    stop: ({ graceMs, ...ref }) =>
      orderOf(
        client.stopJob({
          ...ref,
          ...present('graceMs', graceMs === undefined ? undefined : BigInt(graceMs)),
        }),
      ),
    hold: (ref) => orderOf(client.holdJob(ref)),
    release: (ref) => orderOf(client.releaseJob(ref)),
    update: ({ project, job, priority, timeLimitMs, constraints, queue, after }) =>
      orderOf(
        client.updateJob({
          project,
          job,
          ...present('priority', priority),
          ...present('timeLimitMs', timeLimitMs === undefined ? undefined : BigInt(timeLimitMs)),
          ...present('constraints', constraints && { constraints: { ...constraints } }),
          ...present('queue', queue),
          ...present('after', after && { after: after.map(toWireDependency) }),
        }),
      ),
    async delete(ref) {
      await relabel(client.deleteJob(ref), told);
    },
    retry: (request) => jobOf(client.retryJob(request)),
    tag: ({ add, remove, ...ref }) =>
      jobOf(client.updateJobTags({ ...ref, add: [...add], remove: [...remove] })),
    watch: (ref, afterRevision, signal) =>
      relabelStream(
        client.watchJob({ ...ref, afterRevision: BigInt(afterRevision) }, { signal }),
        told,
        ({ job }) => (job === undefined ? undefined : fromWireJob(job)),
      ),
    logs: ({ stream, offset, ...request }, signal) =>
      relabelStream(
        client.readLogs(
          {
            ...request,
            offset: BigInt(offset),
            stream: stream === undefined ? 0 : logStreamBridge.toWire(stream),
          },
          { signal },
        ),
        told,
        toLogChunk,
      ),
    exec: (input, signal) =>
      relabelStream(client.exec(toExecRequests(input), { signal }), told, toExecOutput),
    artifacts: (query) =>
      joinPages(query.attempt, (attempt, pageToken) =>
        relabel(client.listArtifacts({ ...query, attempt, globs: [...query.globs], pageToken }), told),
      ),
    async destroyArtifacts({ globs, ...query }) {
      const answer = await relabel(client.destroyArtifacts({ ...query, globs: [...globs] }), told);
      return { destroyed: answer.destroyed, freedBytes: fromInt64(answer.freedBytes, 'freedBytes') };
    },
  };
}

/** Pages of one list of artifacts; far more than a job leaves. */
const ARTIFACT_PAGES_MAX = 100;

interface ArtifactPage {
  readonly artifacts: readonly wire.Artifact[];
  readonly nextPageToken: string;
}

/** All pages of one attempt as one list. @throws ClusterError quota TOO_MANY_ARTIFACTS for a list that does not end */
async function joinPages(
  asked: number,
  read: (attempt: number, pageToken: string) => Promise<ArtifactPage>,
): Promise<readonly Artifact[]> {
  const artifacts: Artifact[] = [];
  let token = '';
  for (let pages = 0; pages < ARTIFACT_PAGES_MAX; pages += 1) {
    // The latest attempt may be another one by the time of the second page.
    const page = await read(artifacts[0]?.attempt ?? asked, token);
    for (const artifact of page.artifacts) artifacts.push(fromWireArtifact(artifact));
    token = page.nextPageToken;
    if (token === '') return artifacts;
  }
  throw new ClusterError(
    'quota',
    'TOO_MANY_ARTIFACTS',
    'there are more artifacts than can be listed at once',
    {
      hint: 'narrow the list with --files GLOB',
    },
  );
}

function toLogChunk(chunk: wire.ReadLogsResponse): LogChunk {
  return {
    offset: fromInt64(chunk.offset, 'offset'),
    nextOffset: fromInt64(chunk.nextOffset, 'nextOffset'),
    ...present('stream', chunk.stream === 0 ? undefined : logStreamBridge.fromWire(chunk.stream, 'stream')),
    // A time beyond all numbers is no reason to refuse the line that bears it.
    timeMs: Number(chunk.timeMs),
    bytes: chunk.data,
    gapBytes: fromInt64(chunk.gapBytes, 'gapBytes'),
    eof: chunk.eof,
    attempt: chunk.attempt,
  };
}

async function* toExecRequests(input: AsyncIterable<ExecInput>) {
  for await (const item of input) yield toExecRequest(item);
}

function toExecRequest(item: ExecInput) {
  switch (item.kind) {
    case 'start': {
      const { rows, columns, argv, env, ...start } = item.start;
      const value = { ...start, argv: [...argv], env: { ...env }, size: { rows, columns } };
      return { message: { case: 'start' as const, value } };
    }
    case 'stdin':
      return { message: { case: 'stdin' as const, value: item.bytes } };
    case 'stdin-eof':
      return { message: { case: 'stdinEof' as const, value: true } };
    case 'resize':
      return { message: { case: 'resize' as const, value: { rows: item.rows, columns: item.columns } } };
    case 'signal':
      return { message: { case: 'signal' as const, value: item.name } };
  }
}

function toExecOutput({ message }: wire.ExecResponse): ExecOutput | undefined {
  switch (message.case) {
    case 'started':
      return { kind: 'started' };
    case 'stdout':
    case 'stderr':
      return { kind: message.case, bytes: message.value };
    case 'exit':
      return { kind: 'exit', code: message.value.code, signal: message.value.signal };
    default:
      // A newer server's message kind: nothing that this client could show.
      return undefined;
  }
}
