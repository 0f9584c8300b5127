/**
 * What the specs of the driver contract share: opening a driver on a temporary folder, plans that spell only what
 * matters, and taking every task away again however a test ends.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Driver,
  type DriverExit,
  OUTPUT_START,
  type OutputChunk,
  type OutputCursor,
  type TaskPlan,
} from '../../agent/core/driver-port.ts';
import type { HostId, JobId, TaskKey } from '../../proto/domain/ids.ts';
import type { Command } from '../../proto/domain/job.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { ownedHostId } from '../kit/docker/owned-host.ts';

/** What a task shall do, in words that a real shell and a scripted twin can both act out. */
export type Behaviour =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'die'; readonly signal: number }
  | { readonly kind: 'print'; readonly stdout: string; readonly stderr: string; readonly code: number }
  /** Runs until it is stopped; SIGTERM ends it. */
  | { readonly kind: 'run' }
  /** Runs until SIGTERM, then ends by itself with a code. */
  | { readonly kind: 'tidy'; readonly code: number }
  /** Takes no notice of SIGTERM. */
  | { readonly kind: 'stubborn' }
  /** Prints numbered lines, some time apart. */
  | { readonly kind: 'count'; readonly lines: number };

export interface DriverSuite {
  readonly name: string;
  /** Opens a driver; the same folder again is the same host after a restart of its agent. */
  open(parts: { readonly folder: string; readonly hostId: HostId }): Promise<Driver>;
  /** Image of every plan; empty without images. */
  readonly image: string;
  toCommand(behaviour: Behaviour): Command;
  /** Output is kept by lines: a last line without its newline gets one. */
  readonly endsWithNewline?: boolean;
  /** Processes that made a session of their own are not found again; only without /proc. */
  readonly losesDaemons?: boolean;
  /** Runs real programs: exactness of arguments, environment, exec and limits are looked at too. */
  readonly real: boolean;
}

/** The part of a tap test that the suite needs. */
export interface SuiteTest {
  teardown(release: () => unknown): unknown;
}

export interface DriverBench {
  readonly driver: Driver;
  readonly folder: string;
  /** A second driver on the same host folder, as a restarted agent has it. */
  reopen(): Promise<Driver>;
  plan(what: Behaviour | Command | readonly string[], rest?: Partial<TaskPlan>): Promise<TaskPlan>;
  start(plan: TaskPlan): Promise<TaskPlan>;
  /** Starts, follows all output, waits. */
  run(
    plan: TaskPlan,
  ): Promise<{ readonly exit: DriverExit; readonly stdout: Buffer; readonly stderr: Buffer }>;
  read(key: TaskKey, cursor?: OutputCursor): Promise<{ readonly stdout: Buffer; readonly stderr: Buffer }>;
  readonly never: AbortSignal;
}

const MIB = 1024 * 1024;
let lastJob = 0;

export async function openBench(t: SuiteTest, suite: DriverSuite): Promise<DriverBench> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-driver-'));
  await mkdir(`${folder}/state`);
  const hostId = ownedHostId();
  const drivers: Driver[] = [];
  const keys: TaskKey[] = [];
  const open = async (): Promise<Driver> => {
    const driver = await suite.open({ folder: `${folder}/state`, hostId });
    drivers.push(driver);
    return driver;
  };
  // Drivers do not keep a process alive by themselves; a test that waits for one must.
  const alive = setInterval(() => {}, 1000);
  const driver = await open();
  t.teardown(async () => {
    const last = drivers.at(-1) ?? driver;
    for (const key of keys) {
      await last.stop(key, 0).catch(() => undefined);
      await last.remove(key).catch(() => undefined);
    }
    for (const opened of drivers) await opened.close();
    clearInterval(alive);
    await rm(folder, { recursive: true, force: true });
  });
  // One signal for all would gather the listeners of every task that runs at once.
  const never = (): AbortSignal => new AbortController().signal;
  const read: DriverBench['read'] = async (key, cursor = OUTPUT_START) =>
    gather(driver.output(key, cursor, never()));
  const bench: DriverBench = {
    driver,
    folder,
    reopen: open,
    get never() {
      return never();
    },
    read,
    async plan(what, rest = {}) {
      const key: TaskKey = {
        jobId: `job_${process.pid.toString(36)}c${(++lastJob).toString(36)}` as JobId,
        attempt: 1,
        task: 0,
      };
      keys.push(key);
      const own = `${folder}/${key.jobId}`;
      await mkdir(`${own}/workspace`, { recursive: true });
      await mkdir(`${own}/driver`);
      return { ...basePlan(suite, hostId, key, own), command: toCommand(suite, what), ...rest };
    },
    async start(plan) {
      await driver.prepare(plan, () => {}, never());
      await driver.start(plan, never());
      return plan;
    },
    async run(plan) {
      await bench.start(plan);
      const printed = await read(plan.key);
      return { exit: await driver.wait(plan.key, never()), ...printed };
    },
  };
  return bench;
}

/** Everything that comes, by stream, in order. */
export async function gather(
  output: AsyncIterable<OutputChunk>,
): Promise<{ readonly stdout: Buffer; readonly stderr: Buffer; readonly chunks: readonly OutputChunk[] }> {
  const chunks: OutputChunk[] = [];
  for await (const chunk of output) chunks.push(chunk);
  const join = (stream: 'stdout' | 'stderr'): Buffer =>
    Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.bytes));
  return { stdout: join('stdout'), stderr: join('stderr'), chunks };
}

/** The code of the ClusterError that `work` throws. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'none',
    (error: unknown) => (isClusterError(error) ? error.code : String(error)),
  );
}

/** Waits until the task has printed `text`. */
export async function untilPrinted(
  bench: { readonly driver: Driver; readonly never: AbortSignal },
  plan: TaskPlan,
  text: string,
): Promise<void> {
  let seen = '';
  for await (const chunk of bench.driver.output(plan.key, OUTPUT_START, bench.never)) {
    seen += Buffer.from(chunk.bytes).toString('latin1');
    if (seen.includes(text)) return;
  }
  throw new Error(`the task ended without printing ${text}`);
}

/** `/bin/sh -c` as users ask for it. */
export function shell(line: string): Command {
  return { kind: 'shell', line };
}

export function argv(...args: readonly string[]): Command {
  return { kind: 'argv', args };
}

export const testClock = createClock();
export const testLog: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => testLog,
};

function toCommand(suite: DriverSuite, what: Behaviour | Command | readonly string[]): Command {
  if (!('kind' in what)) return { kind: 'argv', args: what };
  if (what.kind === 'shell' || what.kind === 'argv') return what;
  return suite.toCommand(what);
}

function basePlan(suite: DriverSuite, hostId: HostId, key: TaskKey, own: string): Omit<TaskPlan, 'command'> {
  return {
    key,
    clusterId: 'cluster_test',
    hostId,
    projectId: 'prj_test',
    specHash: 'hash',
    epoch: 1,
    generation: 1,
    image: suite.image,
    user: '',
    env: new Map(),
    workingDirectory: '/workspace',
    mounts: [{ source: `${own}/workspace`, target: '/workspace', readOnly: false }],
    cpuMilli: 2000,
    memoryBytes: 256 * MIB,
    shmBytes: 0,
    processesMax: 256,
    gpuUuids: [],
    gpusSimulated: false,
    ports: [],
    graceMs: 1000,
    driverFolder: `${own}/driver`,
  };
}

/** How a real shell acts a behaviour out. */
export function toShell(behaviour: Behaviour): Command {
  switch (behaviour.kind) {
    case 'exit':
      return shell(`exit ${behaviour.code}`);
    case 'die':
      return shell(`kill -${behaviour.signal} $$`);
    case 'print':
      return shell(
        `printf '%b' '${behaviour.stdout}'; printf '%b' '${behaviour.stderr}' >&2; exit ${behaviour.code}`,
      );
    case 'run':
      return shell('exec sleep 600');
    case 'tidy':
      return shell(
        `trap 'echo tidied; exit ${behaviour.code}' TERM; echo ready; while :; do sleep 0.05; done`,
      );
    case 'stubborn':
      return shell(`trap '' TERM; echo ready; while :; do sleep 0.05; done`);
    case 'count':
      return shell(
        `i=0; while [ $i -lt ${behaviour.lines} ]; do echo "line $i"; i=$((i+1)); [ $((i % 50)) -eq 0 ] && sleep 0.02; done; :`,
      );
  }
}
