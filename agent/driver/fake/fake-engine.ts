/**
 * The world of fake drivers: tasks that run on a clock and outlive the driver that started them, as real ones outlive
 * the agent. Several drivers may share one engine, which is how a restarted agent is played.
 */
import { type HostId, type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock, Timer } from '../../../proto/ports/index.ts';
import type { DriverExit, StartedTask, TaskPlan } from '../../core/driver-port.ts';
import type { FakeLine, FakeScript } from './fake-script.ts';

export interface FakeTask {
  readonly key: TaskKey;
  readonly hostId: HostId;
  readonly script: FakeScript;
  readonly started: StartedTask;
  readonly printed: FakeLine[];
  /** Resolves at the end. */
  readonly ended: Promise<DriverExit>;
  exit: DriverExit | undefined;
  send(signal: 'TERM' | 'KILL' | number): void;
  /** Calls back at every line and at the end. */
  watch(onChange: () => void): () => void;
}

export interface FakeEngine {
  readonly clock: Clock;
  /** While true nothing answers, as with a Docker daemon that is away. */
  daemonDown: boolean;
  /** Replaces the script in the command; undefined keeps it. */
  scriptFor: (plan: TaskPlan) => FakeScript | undefined;
  readonly tasks: Map<string, FakeTask>;
  run(plan: TaskPlan, script: FakeScript): FakeTask;
  /** Count of tasks ever run, to show that none ran twice. */
  runs(): number;
}

/** First host port given out for a request of "any". */
const PORT_FIRST = 40_000;
const SIGTERM = 15;
const SIGKILL = 9;

export function createFakeEngine(clock: Clock): FakeEngine {
  let runs = 0;
  const engine: FakeEngine = {
    clock,
    daemonDown: false,
    scriptFor: () => undefined,
    tasks: new Map(),
    runs: () => runs,
    run(plan, script) {
      runs += 1;
      const task = createTask(clock, plan, script, runs);
      engine.tasks.set(toTaskName(plan.key), task);
      return task;
    },
  };
  return engine;
}

function createTask(clock: Clock, plan: TaskPlan, script: FakeScript, number: number): FakeTask {
  const watchers = new Set<() => void>();
  const timers: Timer[] = [];
  let settle: (exit: DriverExit) => void = () => {};
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  const end = (how: { readonly code?: number; readonly signal: number }): void => {
    if (task.exit !== undefined) return;
    for (const timer of timers) timer.cancel();
    task.exit = { ...how, outOfMemory: script.outOfMemory ?? false, finishedAtMs: clock.nowMs() };
    settle(task.exit);
    tell();
  };
  const task: FakeTask = {
    key: plan.key,
    hostId: plan.hostId,
    script,
    started: {
      containerId: `fake-${number}`,
      startedAtMs: clock.nowMs(),
      ports: plan.ports.map(({ containerPort, hostPort }, at) => ({
        containerPort,
        hostPort: hostPort === 0 ? PORT_FIRST + number * 16 + at : hostPort,
      })),
    },
    printed: [],
    ended: new Promise((resolve) => {
      settle = resolve;
    }),
    exit: undefined,
    send(signal) {
      if (signal === 'KILL' || signal === SIGKILL) {
        timers.push(clock.after(script.ignoreKillMs ?? 0, () => end({ signal: SIGKILL })));
      } else if (signal !== 'TERM' && signal !== SIGTERM) end({ signal });
      else if (script.termCode !== undefined) end({ code: script.termCode, signal: 0 });
      else if (script.ignoreTerm !== true) end({ signal: SIGTERM });
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
  };
  for (const line of script.output ?? []) {
    timers.push(
      clock.after(line.atMs, () => {
        task.printed.push(line);
        tell();
      }),
    );
  }
  if (script.runForMs !== undefined) {
    const how =
      script.signal === undefined ? { code: script.exitCode ?? 0, signal: 0 } : { signal: script.signal };
    timers.push(clock.after(script.runForMs, () => printAllThen(task, script, () => end(how))));
  }
  return task;
}

/** Lines that were due before the end come before it, whatever the order in which timers fire. */
function printAllThen(task: FakeTask, script: FakeScript, end: () => void): void {
  const due = (script.output ?? []).filter(({ atMs }) => atMs <= (script.runForMs ?? 0));
  for (const line of due.slice(task.printed.length)) task.printed.push(line);
  end();
}

/** The error that a knob asks for. */
export function fakeError(code: string): ClusterError {
  const kind = code === 'DRIVER_UNAVAILABLE' || code === 'GPU_UNAVAILABLE' ? 'unavailable' : 'invalid';
  return new ClusterError(kind, code, 'the fake driver was told to fail', { hint: 'change its script' });
}
