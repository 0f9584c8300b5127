/**
 * Aim: following a job loses no byte and shows none twice, over broken connections, several attempts and odd ends.
 * Method: a fake client whose streams break where the script says; what reaches the handlers is compared.
 */
import t from 'tap';
import type { ClusterClient, LogChunk, LogRequest } from '../../../../cli/client/cluster-client.ts';
import { followJob } from '../../../../cli/command/jobs/follow-job.ts';
import { endText, exitCodeOf, progressText } from '../../../../cli/command/jobs/job-progress.ts';
import { createLineWindow } from '../../../../cli/command/jobs/read-logs.ts';
import type { Exit, JobState } from '../../../../proto/domain/job.ts';
import type { AttemptView, JobView } from '../../../../proto/domain/views.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';

const broken = (): ClusterError => new ClusterError('unavailable', 'GONE_AWAY', 'broke');

function anAttempt(number: number, more: Partial<AttemptView> = {}): AttemptView {
  return {
    number,
    phase: 'running',
    hostId: 'host_1' as AttemptView['hostId'],
    gpuUuids: [],
    placedAtMs: 1,
    startedAtMs: 1,
    endedAtMs: 0,
    ports: [],
    progress: '',
    progressBytes: 0,
    progressTotalBytes: 0,
    logBytes: 0,
    ...more,
  };
}

function aJob(state: JobState, attempts: readonly AttemptView[], more: Partial<JobView> = {}): JobView {
  return {
    id: 'job_1',
    state,
    attempts,
    reason: '',
    reasonMessage: '',
    revision: 1,
    queuePosition: 0,
    ...more,
  } as unknown as JobView;
}

/** Per attempt, its log in pieces; an Error in between breaks the stream there once. */
type Script = ReadonlyMap<number, readonly (string | Error)[]>;

function fakeClient(states: readonly (JobView | Error)[], logs: Script) {
  const asked: LogRequest[] = [];
  const pending = [...states];
  const remaining = new Map([...logs].map(([attempt, pieces]) => [attempt, [...pieces]]));
  const texts = new Map(
    [...logs].map(([attempt, pieces]) => [attempt, pieces.filter((p) => typeof p === 'string').join('')]),
  );
  const jobs = {
    async *watch(): AsyncGenerator<JobView> {
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
        if (next instanceof Error) throw next;
        yield next;
      }
    },
    async *logs(request: LogRequest): AsyncGenerator<LogChunk> {
      asked.push(request);
      const text = texts.get(request.attempt) ?? '';
      const pieces = remaining.get(request.attempt) ?? [];
      let at = request.offset;
      while (pieces.length > 0) {
        const piece = pieces.shift();
        if (piece instanceof Error) throw piece;
        if (piece === undefined) break;
        const bytes = Buffer.from(text.slice(at, at + piece.length));
        const offset = at;
        at += piece.length;
        yield {
          offset,
          nextOffset: at,
          stream: 'stdout',
          timeMs: 0,
          bytes,
          gapBytes: 0,
          eof: false,
          attempt: request.attempt,
        };
      }
      yield {
        offset: at,
        nextOffset: at,
        timeMs: 0,
        bytes: new Uint8Array(),
        gapBytes: 0,
        eof: true,
        attempt: request.attempt,
      };
    },
  };
  return { client: { jobs } as unknown as ClusterClient, asked };
}

async function follow(
  states: readonly (JobView | Error)[],
  logs: Script,
  options: { attempt?: number; offset?: number } = {},
) {
  const { client, asked } = fakeClient(states, logs);
  let text = '';
  let breaks = 0;
  let resumed = 0;
  const end = await followJob({
    client,
    ref: { project: 'p', job: 'job_1' },
    attempt: options.attempt ?? 0,
    offset: options.offset ?? 0,
    tailLines: 0,
    signal: new AbortController().signal,
    handlers: {
      onJob: () => undefined,
      async onChunk(chunk) {
        text += Buffer.from(chunk.bytes).toString();
      },
      onBreak: () => {
        breaks += 1;
      },
      onResumed: () => {
        resumed += 1;
      },
    },
  });
  return { end, text, breaks, resumed, asked };
}

t.test('a log is whole over broken connections of both streams', async (t) => {
  const running = aJob('running', [anAttempt(1)]);
  const done = aJob('succeeded', [anAttempt(1)], { exitCode: 0 });
  const run = await follow(
    [aJob('queued', []), running, broken(), running, done],
    new Map([[1, ['one ', broken(), 'two ', broken(), 'three']]]),
  );
  t.equal(run.text, 'one two three');
  t.same(
    run.asked.map(({ offset }) => offset),
    [0, 4, 8],
  );
  t.match(run, { breaks: 1, resumed: 1, end: { logComplete: true, job: { state: 'succeeded' } } });
});

t.test('every attempt is shown, or only the one that was asked for', async (t) => {
  const states = [
    aJob('running', [anAttempt(1)]),
    aJob('queued', [anAttempt(1)]),
    aJob('running', [anAttempt(1), anAttempt(2)]),
    aJob('succeeded', [anAttempt(1), anAttempt(2)], { exitCode: 0 }),
  ];
  const logs = () =>
    new Map([
      [1, ['first ']],
      [2, ['second']],
    ]);
  t.equal((await follow([states[3]!], logs())).text, 'second', 'the latest, when it had begun before');
  t.equal((await follow([states[3]!], logs(), { attempt: 1 })).text, 'first ');
  t.equal((await follow([states[3]!], logs(), { attempt: 2, offset: 3 })).text, 'ond');
});

t.test('a job that ends without an attempt ends the following', async (t) => {
  const run = await follow([aJob('queued', []), aJob('cancelled', [])], new Map());
  t.match(run, { text: '', end: { logComplete: true, job: { state: 'cancelled' } } });
});

t.test('a refusal ends the following with its error', async (t) => {
  const refusal = new ClusterError('not-found', 'JOB_NOT_FOUND', 'gone');
  await t.rejects(follow([aJob('running', [anAttempt(1)]), refusal], new Map([[1, ['x']]])), {
    code: 'JOB_NOT_FOUND',
  });
});

t.test('the end of a job gives its code', async (t) => {
  const exit = (more: Partial<Exit>): AttemptView =>
    anAttempt(1, {
      exit: {
        signal: 0,
        outOfMemory: false,
        verdict: 'user-code',
        reason: '',
        message: '',
        finishedAtMs: 1,
        ...more,
      },
    });
  const cases: readonly (readonly [string, JobView, number])[] = [
    ['the server says it', aJob('failed', [], { exitCode: 42 }), 42],
    ['success', aJob('succeeded', []), 0],
    ['stopped', aJob('cancelled', []), 143],
    ['a code', aJob('failed', [exit({ code: 7 })]), 7],
    ['a signal', aJob('failed', [exit({ signal: 11 })]), 139],
    ['out of memory', aJob('failed', [exit({ signal: 9, outOfMemory: true })]), 137],
    ['time limit', aJob('failed', [exit({ signal: 15, verdict: 'time-limit' })]), 124],
    ['the host', aJob('failed', [exit({ code: 1, verdict: 'host' })]), 125],
    ['never started', aJob('failed', []), 125],
  ];
  for (const [name, job, code] of cases) t.equal(exitCodeOf(job), code, name);
  t.equal(endText(aJob('succeeded', [])), '');
  t.equal(
    endText(aJob('failed', [], { reasonMessage: 'exited with code 7' })),
    'job job_1 failed: exited with code 7',
  );
});

t.test('progress says where the job stands', async (t) => {
  t.equal(
    progressText(aJob('queued', [], { queuePosition: 3, reasonMessage: 'no free GPU' }), 1000),
    'queued at position 3: no free GPU',
  );
  const pulling = anAttempt(1, {
    progress: 'pulling image',
    progressBytes: 1024 * 1024,
    progressTotalBytes: 3 * 1024 * 1024,
  });
  t.equal(progressText(aJob('starting', [pulling]), 1000), 'pulling image on host_1 (1 MiB of 3 MiB)');
  t.equal(progressText(aJob('running', [anAttempt(1)]), 1000), '');
  const named = anAttempt(1, { hostName: 'gpu-7' });
  t.equal(progressText(aJob('starting', [named]), 1000), 'starting on gpu-7', 'hosts go by their names');
  const again = aJob('queued', [], { notBeforeMs: 21_000, reasonMessage: 'exited with code 1' });
  t.equal(progressText(again, 1000), 'queued, tries again in 20s: exited with code 1');
  t.equal(progressText(again, 21_000), 'queued: exited with code 1', 'the pause is over');
});

t.test('a window of lines is cut anywhere the same', async (t) => {
  const text = Buffer.from('a\nb\nc\nd');
  const cut = (skip: number, limit: number | undefined, size: number): string => {
    const window = createLineWindow(skip, limit);
    let out = '';
    for (let at = 0; at < text.length; at += size)
      out += Buffer.from(window.cut(text.subarray(at, at + size))).toString();
    return out;
  };
  for (const size of [1, 2, 3, 100]) {
    t.equal(cut(0, undefined, size), 'a\nb\nc\nd');
    t.equal(cut(1, 2, size), 'b\nc\n');
    t.equal(cut(3, 5, size), 'd');
    t.equal(cut(9, 5, size), '');
    t.equal(cut(0, 0, size), '');
  }
});
