/**
 * Changes of a waiting job that might have it start sooner, as ladders: kinds of change with the values to try, from the
 * smallest change to the largest. Which of them help is for the planner to say.
 */
import type { Job, JobSpec } from '../../../proto/domain/job.ts';
import { formatDuration } from '../../../proto/domain/units.ts';
import { enterQueue, withoutSelector } from '../job/enter-queue.ts';
import { queueOf } from '../job/model.ts';
import type { ClusterReader } from '../reader.ts';
import { CHOICES_MAX } from './explain-limits.ts';
import { gateLeft } from './gate-left.ts';
import type { Ladder, LadderInput, Rung } from './ladder.ts';
import { resourceLadders } from './resource-ladders.ts';

/** In order of preference. `isGated`: it waits for something else than room, and nothing helps but what ends that. */
export function laddersFor(input: LadderInput, isGated: boolean): readonly Ladder[] {
  const opening = [...releaseLadder(input), ...afterLadder(input)];
  const ladders = isGated
    ? [...opening, ...queueLadders(input)]
    : [
        ...preemptibleLadder(input),
        ...timeLadder(input),
        ...queueLadders(input),
        ...excludeLadders(input),
        ...constraintLadders(input),
        ...resourceLadders(input),
      ];
  // A job that could not even be looked at then would not start sooner.
  return ladders
    .map((ladder) => ({ ...ladder, rungs: ladder.rungs.map((rung) => asSubmitted(rung, ladder, input)) }))
    .map((ladder) => ({
      ...ladder,
      rungs: ladder.rungs.filter(({ job }) => gateLeft(input.reader, job) === undefined),
    }))
    .filter(({ rungs }) => rungs.length > 0);
}

/**
 * What takes another submission stands behind all that were submitted before, those of this millisecond included, and has
 * no attempts behind it.
 */
function asSubmitted(rung: Rung, { inPlace }: Pick<Ladder, 'inPlace'>, { nowMs }: LadderInput): Rung {
  if (inPlace) return rung;
  const { notBeforeMs: _pause, ...job } = rung.job;
  return { ...rung, job: { ...job, createdAtMs: nowMs + 1, attempts: [] } };
}

export function withSpec(job: Job, part: Partial<JobSpec>): Job {
  return { ...job, spec: { ...job.spec, ...part } };
}

function releaseLadder({ job }: LadderInput): readonly Ladder[] {
  if (job.held === undefined) return [];
  const { held: _held, ...released } = job;
  return [
    {
      kind: 'release',
      inPlace: true,
      rungs: [{ flags: '', message: 'released from its hold', job: released }],
    },
  ];
}

function afterLadder({ job }: LadderInput): readonly Ladder[] {
  if ((job.spec.after ?? []).length === 0) return [];
  const { after: _after, ...spec } = job.spec;
  const rung = { flags: '--no-after', message: 'without waiting for other jobs', job: { ...job, spec } };
  return [{ kind: 'after', inPlace: true, rungs: [rung] }];
}

function preemptibleLadder({ job }: LadderInput): readonly Ladder[] {
  if (job.spec.preemptible) return [];
  const rung = { flags: '--preemptible', message: 'preemptible', job: withSpec(job, { preemptible: true }) };
  return [{ kind: 'preemptible', inPlace: false, rungs: [rung] }];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LIMITS_MS = [
  ...[168, 96, 48, 24, 12, 8, 6, 4, 3, 2, 1].map((hours) => hours * HOUR_MS),
  ...[30, 15, 10, 5].map((minutes) => minutes * MINUTE_MS),
];

/** A shorter limit makes no room; it lets a job into a gap before a reserved start, or into a queue's bounds. */
function timeLadder({ reader, job, judged }: LadderInput): readonly Ladder[] {
  const { timeLimitMs, warnBeforeMs } = job.spec;
  const ofQueue = reader.scheduling.findQueue(queueOf(job))?.limits.timeLimitMs ?? 0;
  const hasRoom = judged.some(({ code }) => code === 'HAS_ROOM' || code === 'RESERVED');
  if (!hasRoom) return [];
  const rungs = [...new Set([ofQueue, ...LIMITS_MS])]
    .filter((limitMs) => limitMs > warnBeforeMs && (timeLimitMs === 0 || limitMs < timeLimitMs))
    .sort((left, right) => right - left)
    .map(
      (limitMs): Rung => ({
        flags: `--time-limit ${formatDuration(limitMs)}`,
        message: `with a time limit of ${formatDuration(limitMs)}`,
        job: withSpec(job, { timeLimitMs: limitMs }),
      }),
    );
  return rungs.length === 0 ? [] : [{ kind: 'time-limit', inPlace: true, rungs }];
}

/** Higher bands first: each queue is a choice of its own. */
function queueLadders({ reader, job }: LadderInput): readonly Ladder[] {
  const constraints = ownConstraints(reader, job);
  const queues = reader.scheduling
    .queues()
    .filter(({ name }) => name !== queueOf(job))
    .sort((left, right) => right.priorityBand - left.priorityBand || (left.name < right.name ? -1 : 1));
  const ladders = queues.flatMap(({ name }): readonly Ladder[] => {
    const { projectId, createdBy: user } = job;
    const spec: JobSpec = { ...job.spec, queue: name, constraints };
    const entry = enterQueue(reader, { projectId, user, spec, count: 1 });
    if (!entry.ok) return [];
    const rung = {
      flags: `--queue ${name}`,
      message: `in queue ${name}`,
      job: { ...job, spec: entry.spec },
    };
    return [{ kind: 'queue', inPlace: true, rungs: [rung] }];
  });
  return ladders.slice(0, CHOICES_MAX);
}

/** Without the labels that its queue put there, which are not the job's to leave out. */
function ownConstraints(reader: ClusterReader, job: Job): JobSpec['constraints'] {
  return withoutSelector(reader.scheduling.findQueue(queueOf(job)), job.spec);
}

function excludeLadders({ job }: LadderInput): readonly Ladder[] {
  const { excludeHosts } = job.spec;
  return excludeHosts.slice(0, CHOICES_MAX).map((name): Ladder => {
    const rest = excludeHosts.filter((one) => one !== name);
    const rung = {
      flags: rest.length === 0 ? '' : `--exclude-host ${rest.join(',')}`,
      message: `with host ${name} not excluded`,
      job: withSpec(job, { excludeHosts: rest }),
    };
    return { kind: 'exclude-host', inPlace: false, rungs: [rung] };
  });
}

function constraintLadders({ reader, job }: LadderInput): readonly Ladder[] {
  const own = Object.entries(ownConstraints(reader, job));
  return own.slice(0, CHOICES_MAX).map(([key, value]): Ladder => {
    const constraints = Object.fromEntries(
      Object.entries(job.spec.constraints).filter(([label]) => label !== key),
    );
    const rest = own.filter(([label]) => label !== key).map(([label, text]) => `${label}=${text}`);
    const rung = {
      flags: rest.length === 0 ? '--no-constraints' : rest.map((text) => `--constraint ${text}`).join(' '),
      message: `without the constraint ${key}=${value}`,
      job: withSpec(job, { constraints }),
    };
    return { kind: 'constraint', inPlace: true, rungs: [rung] };
  });
}
