/**
 * What a task of the fake driver does: a small script in place of a program. Pure.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { TaskPlan } from '../../core/driver-port.ts';

export interface FakeScript {
  /** Between the order and the running task. */
  readonly startDelayMs?: number;
  /** Code of the ClusterError that the start throws. */
  readonly startError?: string;
  /** Code of the ClusterError that prepare throws. */
  readonly pullError?: string;
  readonly pullBytes?: number;
  /** Ends by itself after this; runs until it is stopped when absent. */
  readonly runForMs?: number;
  readonly exitCode?: number;
  /** Ends by this signal in place of a code. */
  readonly signal?: number;
  readonly outOfMemory?: boolean;
  /** SIGTERM is not listened to. */
  readonly ignoreTerm?: boolean;
  /** SIGTERM makes it end with this code in place of the signal. */
  readonly termCode?: number;
  /** How long it hangs in the kernel after SIGKILL. */
  readonly ignoreKillMs?: number;
  /** In order of time since the start. */
  readonly output?: readonly FakeLine[];
}

export interface FakeLine {
  readonly atMs: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** First word of a command that carries a script as JSON. */
export const FAKE_PROGRAM = 'fake';
const EMPTY: FakeScript = { runForMs: 0, exitCode: 0 };

/** A plan's command that acts a script out: `fake JSON`. */
export function toFakeArguments(script: FakeScript): readonly string[] {
  return [FAKE_PROGRAM, JSON.stringify(script)];
}

/**
 * The script in a plan's command. Any other command ends at once with 0, so that whole systems run on the fake.
 *
 * @throws ClusterError FAKE_SCRIPT_INVALID
 */
export function parseFakeScript(plan: TaskPlan): FakeScript {
  const { command } = plan;
  const text =
    command.kind === 'argv'
      ? command.args[0] === FAKE_PROGRAM
        ? command.args[1]
        : undefined
      : /^fake (\{.*\})$/s.exec(command.line)?.[1];
  if (text === undefined) return EMPTY;
  try {
    return JSON.parse(text) as FakeScript;
  } catch (error) {
    throw new ClusterError('invalid', 'FAKE_SCRIPT_INVALID', 'the script of a fake task is not JSON', {
      hint: 'write it as one JSON object',
      cause: error,
    });
  }
}
