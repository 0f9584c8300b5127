/**
 * Aim: the host's capacity honours control groups of both versions, and its readings never hang or lie. Method:
 * kernel files from a map, readings from functions, time by hand.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import {
  parseCpuMax,
  parseMemoryMax,
  parseProcCgroup,
  readCgroupLimits,
} from '../../../../agent/probe/cgroup-limits.ts';
import { type HostFacts, toCapacity } from '../../../../agent/probe/host-facts.ts';
import { createHostTelemetry, type HostReadings } from '../../../../agent/probe/host-telemetry.ts';
import { createSimulatedProbe } from '../../../../agent/probe/simulated-probe.ts';
import type { Clock } from '../../../../proto/ports/index.ts';

const GIB = 2 ** 30;

function limitsOf(files: Readonly<Record<string, string>>) {
  return readCgroupLimits(async (path) => files[path]);
}

function aClock(): Clock & {
  readonly timers: { atMs: number; fire: () => void }[];
  advance(ms: number): void;
} {
  let nowMs = 0;
  const timers: { atMs: number; fire: () => void }[] = [];
  return {
    timers,
    nowMs: () => 1_000_000 + nowMs,
    monotonicMs: () => nowMs,
    after(afterMs, fire) {
      const timer = { atMs: nowMs + afterMs, fire };
      timers.push(timer);
      return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
    },
    advance(ms) {
      nowMs += ms;
      for (const timer of timers.filter((due) => due.atMs <= nowMs)) timer.fire();
    },
  };
}

t.test('version 2: the tightest limit on the way to the root counts', async (t) => {
  const limits = await limitsOf({
    '/proc/self/cgroup': '0::/a.slice/b.service\n',
    '/sys/fs/cgroup/a.slice/b.service/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/a.slice/cpu.max': '150000 100000\n',
    '/sys/fs/cgroup/a.slice/b.service/memory.max': `${4 * GIB}\n`,
    '/sys/fs/cgroup/a.slice/memory.max': `${2 * GIB}\n`,
    '/sys/fs/cgroup/memory.max': 'max\n',
  });
  t.same(limits, { cpuMilli: 1500, memoryBytes: 2 * GIB });
});

t.test('version 1: controllers have paths of their own, and "no limit" is a huge number', async (t) => {
  const limits = await limitsOf({
    '/proc/self/cgroup': '4:memory:/x\n2:cpu,cpuacct:/y\n0::/\n',
    '/sys/fs/cgroup/memory/x/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${GIB}\n`,
    '/sys/fs/cgroup/cpu/y/cpu.cfs_quota_us': '50000\n',
    '/sys/fs/cgroup/cpu/y/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
  });
  t.same(limits, { cpuMilli: 500, memoryBytes: GIB });
});

t.test('a container that cannot see its host’s groups finds its limits at the base', async (t) => {
  const files = {
    '/proc/self/cgroup': '4:memory:/docker/abc\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '1048576\n',
  };
  t.same(await limitsOf(files), { memoryBytes: 1048576 });
  t.same(await limitsOf({}), {}, 'no groups, no limits');
  t.same(await limitsOf({ '/proc/self/cgroup': `0::${'/x'.repeat(10_000)}\n` }), {}, 'a damaged path ends');
});

t.test('kernel words are read strictly', async (t) => {
  t.equal(parseCpuMax('max 100000'), undefined);
  t.equal(parseCpuMax('1 100000'), 1, 'never nothing at all');
  t.equal(parseMemoryMax('0'), undefined);
  t.equal(parseMemoryMax('12kB'), undefined);
  t.same(
    [...parseProcCgroup('rubbish\n1:a,b:/p\n')],
    [
      ['a', '/p'],
      ['b', '/p'],
    ],
  );
});

t.test('capacity promises no more than the smallest GPU', async (t) => {
  const facts: HostFacts = {
    bootId: '',
    os: 'linux',
    architecture: 'x64',
    cpuMilli: 4000,
    memoryBytes: 8 * GIB,
    diskBytes: 5,
  };
  const clock = aClock();
  const report = await createSimulatedProbe({ count: 2, seed: 's', memoryBytes: 24 * GIB }, clock).collect();
  const mixed = {
    gpus: [...report.gpus, ...(await createSimulatedProbe({ count: 1, seed: 'z' }, clock).collect()).gpus],
  };
  t.same(toCapacity(facts, mixed), {
    gpuCount: 3,
    gpuModel: 'Simulated GPU',
    gpuMemoryBytes: 16 * GIB,
    cpuMilli: 4000,
    memoryBytes: 8 * GIB,
    diskBytes: 5,
  });
  t.match(toCapacity(facts, { gpus: [] }), { gpuCount: 0, gpuModel: '', gpuMemoryBytes: 0 });
});

t.test('simulated GPUs are the same for the same seed and time, and refuse odd counts', async (t) => {
  const clock = aClock();
  const make = (seed: string) => createSimulatedProbe({ count: 2, seed, model: 'H100' }, clock).collect();
  t.same(await make('a'), await make('a'));
  t.not((await make('a')).gpus[0]?.uuid, (await make('b')).gpus[0]?.uuid);
  t.match((await make('a')).gpus[1], {
    model: 'Simulated H100',
    uuid: /^SIM-[0-9a-f]{8}-1$/,
    simulated: true,
  });
  for (const count of [-1, 1.5, 65, Number.NaN]) {
    t.throws(() => createSimulatedProbe({ count, seed: 'a' }, clock), { code: 'SIMULATED_GPU_COUNT' });
  }
  t.equal((await createSimulatedProbe({ count: 64, seed: 'a' }, clock).collect()).gpus.length, 64);
});

function readingsOf(changes: Partial<HostReadings>): HostReadings {
  return {
    cpuPercent: async () => 12.345,
    memoryUsedBytes: async () => 10,
    diskFreeBytes: async () => 20,
    load1: async () => 0.5,
    ...changes,
  };
}

t.test('readings are dated, rounded and kept for a while', async (t) => {
  const clock = aClock();
  let calls = 0;
  const source = createHostTelemetry({
    clock,
    everyMs: 100,
    readings: readingsOf({
      load1: async () => {
        calls += 1;
        return calls;
      },
    }),
  });
  t.same(await source.collect(), {
    cpuPercent: 12.3,
    memoryUsedBytes: 10,
    diskFreeBytes: 20,
    load1: 1,
    sampledAtMs: 1_000_000,
  });
  t.equal((await source.collect()).load1, 1, 'cached');
  clock.advance(100);
  t.equal((await source.collect()).load1, 2);
  t.equal(clock.timers.length, 0, 'no timer is left behind');
});

t.test(
  'a reading that fails, lies or hangs is absent, and is not started again while it hangs',
  async (t) => {
    const clock = aClock();
    let hung = 0;
    const source = createHostTelemetry({
      clock,
      everyMs: 10,
      timeoutMs: 50,
      readings: readingsOf({
        cpuPercent: async () => Promise.reject(new Error('no')),
        memoryUsedBytes: async () => Number.NaN,
        diskFreeBytes: () => {
          hung += 1;
          return new Promise(() => undefined);
        },
      }),
    });
    const first = source.collect();
    await nextTurn();
    clock.advance(50);
    t.same(Object.keys(await first), ['load1', 'sampledAtMs']);
    clock.advance(10);
    const second = source.collect();
    await nextTurn();
    clock.advance(50);
    t.same(Object.keys(await second), ['load1', 'sampledAtMs']);
    t.equal(hung, 1);
  },
);
