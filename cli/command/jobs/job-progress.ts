/**
 * What a waiting person is told about a job, and the code that its end gives.
 */
import { EXIT_CODES, INFRASTRUCTURE_VERDICTS, isFinished } from '../../../proto/domain/job.ts';
import type { AttemptView, JobView } from '../../../proto/domain/views.ts';
import { formatBytes, formatWait } from '../../render/units-text.ts';

/** One line about where the job stands at `nowMs` (epoch); empty once it runs. */
export function progressText(job: JobView, nowMs: number): string {
  const attempt = job.attempts.at(-1);
  if (job.state === 'queued') return queuedText(job, nowMs);
  if (job.state === 'starting' && attempt !== undefined) return startingText(attempt);
  if (attempt?.phase === 'finalizing') return `storing outputs${bytesText(attempt)}`;
  return '';
}

function queuedText(job: JobView, nowMs: number): string {
  const pauseMs = (job.notBeforeMs ?? 0) - nowMs;
  if (pauseMs > 0) return `queued, tries again in ${formatWait(pauseMs)}: ${job.reasonMessage}`;
  const position = job.queuePosition ?? 0;
  const place = position > 0 ? `queued at position ${position}` : 'queued';
  return job.reasonMessage === '' ? place : `${place}: ${job.reasonMessage}`;
}

function startingText(attempt: AttemptView): string {
  const doing = attempt.progress === '' ? 'starting' : attempt.progress;
  return `${doing} on ${attempt.hostName ?? attempt.hostId}${bytesText(attempt)}`;
}

function bytesText(attempt: AttemptView): string {
  const { progressBytes, progressTotalBytes } = attempt;
  if (progressBytes === 0 && progressTotalBytes === 0) return '';
  const total = progressTotalBytes > 0 ? ` of ${formatBytes(progressTotalBytes)}` : '';
  return ` (${formatBytes(progressBytes)}${total})`;
}

/** The code that run and wait end with; the controller's own word stands first. */
export function exitCodeOf(job: JobView): number {
  if (job.exitCode !== undefined) return job.exitCode;
  if (job.state === 'succeeded') return 0;
  if (job.state === 'cancelled') return EXIT_CODES.stopped;
  const exit = job.attempts.at(-1)?.exit;
  if (exit === undefined || INFRASTRUCTURE_VERDICTS.includes(exit.verdict)) return EXIT_CODES.nabla;
  if (exit.outOfMemory) return EXIT_CODES.outOfMemory;
  if (exit.verdict === 'time-limit') return EXIT_CODES.timeLimit;
  if (exit.signal > 0) return EXIT_CODES.signalBase + exit.signal;
  return exit.code ?? EXIT_CODES.nabla;
}

/** Attempts that have ended while the job goes on with another: its last one is told as the end of the job. */
export function attemptsOver(job: JobView): readonly AttemptView[] {
  const over = job.attempts.filter(({ phase }) => phase === 'ended');
  return isFinished(job.state) && over.length === job.attempts.length ? over.slice(0, -1) : over;
}

/** Why there will be another attempt. */
export function attemptText({ number, outcome, exit }: AttemptView): string {
  const why = exit === undefined || exit.message === '' ? '' : `: ${exit.message}`;
  return `attempt ${number} ${outcome ?? 'ended'}${why}; the job is tried again`;
}

/** What a person is told at the end; empty after a plain success. */
export function endText(job: JobView): string {
  if (job.state === 'succeeded') return '';
  const how = job.reasonMessage === '' ? '' : `: ${job.reasonMessage}`;
  return `job ${job.id} ${job.state}${how}`;
}
