/**
 * One child process that is kept running: its output goes to a file, a crash is followed by a restart with backoff,
 * too many crashes end the try.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

/** Crashes within {@link CRASH_WINDOW_MS} after which it is given up. */
const CRASHES_MAX = 5;
const CRASH_WINDOW_MS = 60_000;
const PAUSE_FIRST_MS = 250;
/** Between SIGTERM and SIGKILL when it is ended. */
const END_GRACE_MS = 15_000;
/** Last lines of output kept for error messages. */
const TAIL_LINES = 12;
const TAIL_LINE_CHARACTERS = 400;

export interface ProcessPlan {
  readonly name: string;
  /** Compiled program; run by this Node. */
  readonly program: string;
  /** Asked before each start, so that a restart can keep the ports of the first. */
  readonly args: () => readonly string[];
  readonly logFile: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  onRestart(name: string, how: string): void;
}

export interface SupervisedProcess {
  /** Rejects when it was given up; never resolves. */
  readonly failed: Promise<never>;
  readonly pid: () => number | undefined;
  /** Ends it for good. Idempotent; resolves when it is gone. */
  close(): Promise<void>;
}

export function superviseProcess(plan: ProcessPlan): SupervisedProcess {
  const log = createWriteStream(plan.logFile, { flags: 'a', mode: 0o600 });
  const tail = createTail();
  const crashes: number[] = [];
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closing = false;
  let giveUp: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  // Whoever waits for it sees the failure; nobody waiting is no reason to crash.
  failed.catch(() => undefined);

  const start = (): void => {
    const started = spawn(process.execPath, [plan.program, ...plan.args()], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: plan.variables,
      // Ctrl-C on the terminal is answered by this process, in its own order.
      detached: true,
    });
    child = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        log.write(chunk);
        tail.add(chunk);
      });
    }
    started.once('error', giveUp);
    started.once('exit', (code, signal) => onExit(code === null ? `signal ${signal ?? ''}` : `exit ${code}`));
  };
  const onExit = (how: string): void => {
    child = undefined;
    if (closing) return;
    const nowMs = performance.now();
    crashes.push(nowMs);
    const recent = crashes.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS).length;
    if (recent >= CRASHES_MAX || how === 'exit 2') {
      giveUp(processFailed(plan, how, tail.lines()));
      return;
    }
    plan.onRestart(plan.name, how);
    timer = setTimeout(start, PAUSE_FIRST_MS * 2 ** (recent - 1));
  };
  start();
  return {
    failed,
    pid: () => child?.pid,
    async close() {
      closing = true;
      clearTimeout(timer);
      if (child !== undefined) await endProcess(child);
      log.end();
    },
  };
}

function processFailed(plan: ProcessPlan, how: string, lines: readonly string[]): ClusterError {
  return new ClusterError('unavailable', 'PROCESS_FAILED', `the ${plan.name} does not stay up`, {
    details: { how, log: plan.logFile },
    fields: lines.map((line) => ({ path: plan.name, reason: line })),
    hint: 'read the log that is named',
  });
}

function createTail(): { add(chunk: Buffer): void; lines(): readonly string[] } {
  let lines: string[] = [];
  let open = '';
  return {
    add(chunk) {
      const parts = (open + chunk.toString('utf8')).split('\n');
      open = (parts.pop() ?? '').slice(0, TAIL_LINE_CHARACTERS);
      const whole = parts.filter((line) => line !== '').map((line) => line.slice(0, TAIL_LINE_CHARACTERS));
      lines = [...lines, ...whole].slice(-TAIL_LINES);
    },
    lines: () => (open === '' ? lines : [...lines, open]),
  };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS);
  await gone;
  clearTimeout(timer);
}
