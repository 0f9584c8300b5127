/**
 * How a task's end is told: the driver's bare exit, the stop that was ordered, or the error that kept it from
 * starting becomes one Exit with a verdict, a stable reason and one sentence.
 */
import type { Exit, Verdict } from '../../proto/domain/job.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { DriverExit } from './driver-port.ts';
import type { StopOrder } from './task-record.ts';

const STOP_MESSAGES: Readonly<Record<StopOrder['cause'], string>> = {
  user: 'stopped by a user',
  operator: 'stopped by an operator',
  preempted: 'stopped to make room for other work',
  'time-limit': 'stopped at its time limit',
  disconnected: 'stopped by its host, which had no contact with the controller',
};

const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

const INTERRUPTED = { reason: 'HOST_RESTARTED', message: 'the host restarted while it was under way' };
const CUT_OFF: Readonly<Record<NonNullable<DriverExit['cutOffBy']>, Omit<Told, 'verdict'>>> = {
  engine: { reason: 'ENGINE_STOPPED', message: 'its container engine stopped, and ended it' },
  machine: INTERRUPTED,
};

/**
 * The end of a task whose machine was restarted after it began. A signal, or no status, is the restart's; a status that
 * the task chose itself stays its own.
 */
export function toExitAcrossBoot(exit: DriverExit): DriverExit {
  const chosen = exit.signal === 0 && exit.code !== undefined;
  return chosen ? exit : { ...exit, cutOffBy: 'machine' };
}

/** The end of a task that ran. `stop` is the order in force, if any. Never throws. */
export function toExit(exit: DriverExit, stop?: StopOrder): Exit {
  const told = tellEnd(exit, stop);
  return {
    ...(exit.code === undefined ? {} : { code: exit.code }),
    signal: exit.signal,
    outOfMemory: exit.outOfMemory,
    ...told,
    finishedAtMs: exit.finishedAtMs,
  };
}

type Told = Pick<Exit, 'verdict' | 'reason' | 'message'>;

function tellEnd(exit: DriverExit, stop: StopOrder | undefined): Told {
  if (exit.outOfMemory) {
    return {
      verdict: 'out-of-memory',
      reason: 'OUT_OF_MEMORY',
      message: 'used more memory than it asked for',
    };
  }
  // An end before the order was the task's own; the order came too late to cause it.
  if (stop !== undefined && exit.finishedAtMs >= stop.atMs) return tellStop(stop.cause);
  if (exit.cutOffBy !== undefined) return { verdict: 'host', ...CUT_OFF[exit.cutOffBy] };
  if (exit.signal > 0) {
    const name = SIGNAL_NAMES[exit.signal] ?? 'a signal';
    return { verdict: 'user-code', reason: 'SIGNAL', message: `ended by signal ${exit.signal} (${name})` };
  }
  if (exit.code === undefined) {
    return { verdict: 'host', reason: 'NO_EXIT_STATUS', message: 'ended without an exit status' };
  }
  if (exit.code === 0) return { verdict: 'none', reason: '', message: '' };
  return { verdict: 'user-code', reason: 'EXIT_NONZERO', message: tellCode(exit.code) };
}

function tellStop(cause: StopOrder['cause']): Told {
  const message = STOP_MESSAGES[cause];
  if (cause === 'time-limit') return { verdict: 'time-limit', reason: 'TIME_LIMIT', message };
  if (cause === 'disconnected') return { verdict: 'host', reason: 'DISCONNECTED', message };
  return { verdict: 'none', reason: 'STOPPED', message };
}

function tellCode(code: number): string {
  if (code === 126) return 'exited with code 126, as shells do when a command cannot be executed';
  if (code === 127) return 'exited with code 127, as shells do when a command is not found';
  return `exited with code ${code}`;
}

/** The end of a task that was stopped before it ran. */
export function toExitBeforeStart(stop: StopOrder, nowMs: number): Exit {
  return { signal: 0, outOfMemory: false, ...tellStop(stop.cause), finishedAtMs: nowMs };
}

/** The end of a task whose container is no longer there although nobody removed it. */
export function toExitVanished(nowMs: number): Exit {
  const message = 'its container is gone and left no exit status';
  return {
    signal: 0,
    outOfMemory: false,
    verdict: 'host',
    reason: 'TASK_VANISHED',
    message,
    finishedAtMs: nowMs,
  };
}

/** The end of a task that a restart of the machine cut off; it may or may not have begun. */
export function toExitInterrupted(nowMs: number): Exit {
  return { signal: 0, outOfMemory: false, verdict: 'host', ...INTERRUPTED, finishedAtMs: nowMs };
}

/**
 * Verdicts of the errors that drivers and storage throw before a task runs. A port that is taken counts as
 * the user's own: the same request would meet the same port again, so a free retry would only loop.
 */
const VERDICT_OF_CODE: Readonly<Record<string, Verdict>> = {
  IMAGE_NOT_FOUND: 'image',
  IMAGE_INVALID: 'image',
  IMAGE_PULL_DENIED: 'image',
  IMAGE_WITHOUT_SHELL: 'image',
  IMAGE_UNSUPPORTED: 'image',
  IMAGE_PULL_FAILED: 'network',
  IMAGE_PULL_STALLED: 'network',
  COMMAND_NOT_FOUND: 'user-code',
  WORKING_DIRECTORY_MISSING: 'user-code',
  PORT_IN_USE: 'user-code',
  GPU_UNAVAILABLE: 'gpu',
  SECRET_MISSING: 'data',
  WORKSPACE_NOT_FOUND: 'data',
  WORKSPACE_CORRUPT: 'data',
  WORKSPACE_UNSAFE: 'data',
  WORKSPACE_TOO_LARGE: 'data',
  WORKSPACE_FETCH_FAILED: 'network',
  GIT_URL_REFUSED: 'data',
  GIT_REF_INVALID: 'data',
  GIT_REF_NOT_FOUND: 'data',
  GIT_ACCESS_DENIED: 'data',
  GIT_FETCH_FAILED: 'network',
  GIT_TIMEOUT: 'network',
};

/** The end of a task that could not be started. Only the error's own sentence and hint are told. */
export function toExitFromError(error: ClusterError, nowMs: number): Exit {
  const message = error.hint === '' ? error.message : `${error.message}; ${error.hint}`;
  return {
    signal: 0,
    outOfMemory: false,
    verdict: VERDICT_OF_CODE[error.code] ?? verdictOfKind(error),
    reason: error.code,
    message,
    finishedAtMs: nowMs,
  };
}

function verdictOfKind(error: ClusterError): Verdict {
  // What is wrong whatever the host would be wrong on the next host too.
  if (error.kind === 'invalid' || error.kind === 'unsupported') return 'user-code';
  return 'host';
}
