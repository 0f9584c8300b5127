/**
 * Aim: every probe keeps the contract, and the collectors keep it when nvidia-smi misbehaves. Method: real child
 * processes of the fake nvidia-smi, each playing one accident.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createBoundedCommand } from '../../agent/probe/bounded-command.ts';
import { readHostFacts } from '../../agent/probe/host-facts.ts';
import { createHostTelemetry, systemReadings } from '../../agent/probe/host-telemetry.ts';
import { createNodeNvidiaSmiProbe } from '../../agent/probe/node-nvidia-smi-probe.ts';
import { createNvidiaSmiProbe } from '../../agent/probe/nvidia-smi-probe.ts';
import type { GpuProbe, GpuReport } from '../../agent/probe/probe-port.ts';
import { selectGpuProbe } from '../../agent/probe/select-probe.ts';
import { createSimulatedProbe } from '../../agent/probe/simulated-probe.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { eventually } from '../kit/eventually.ts';
import {
  aFakeGpu,
  aSmiScenario,
  aSplitMigGpu,
  type FakeFault,
  type FakeSmiScenario,
  installFakeSmi,
  withGpu,
} from '../kit/fake-nvidia-smi/scenario.ts';
import { testProbeContract } from './probe-contract.ts';

const clock = createClock();
const environment = process.env;
const root = mkdtempSync(join(tmpdir(), 'nabla-probe-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));

let installed = 0;
function install(scenario: FakeSmiScenario): string {
  installed += 1;
  return installFakeSmi(join(root, String(installed)), scenario);
}

function open(scenario: FakeSmiScenario, timeoutMs = 10_000): GpuProbe {
  return createNvidiaSmiProbe({ file: install(scenario), clock, environment, timeoutMs, killGraceMs: 2_000 });
}

function openLibrary(scenario: FakeSmiScenario, timeoutMs = 10_000): GpuProbe {
  return createNodeNvidiaSmiProbe({ file: install(scenario), clock, environment, timeoutMs });
}

const codes = (report: GpuReport) => report.conditions.map((condition) => condition.code);

testProbeContract(t, { name: 'nvidia-smi', simulated: false, open: (count) => open(aSmiScenario(count)) });
testProbeContract(t, {
  name: 'node-nvidia-smi',
  simulated: false,
  open: (count) => openLibrary(aSmiScenario(count)),
});
testProbeContract(t, {
  name: 'simulated',
  simulated: true,
  open: (count) => createSimulatedProbe({ count, seed: 'a' }, clock),
});

interface Accident {
  readonly name: string;
  readonly query: FakeFault;
  readonly wantCodes: readonly string[];
  readonly wantGpus: number;
  /** The same with node-nvidia-smi in front. */
  readonly wantOfLibrary: readonly string[];
}

const ACCIDENTS: readonly Accident[] = [
  {
    name: 'a warning on stderr',
    query: { stderr: 'WARNING: infoROM is corrupted at gpu 0000:10:00.0\n' },
    wantCodes: ['PROBE_WARNING'],
    wantGpus: 2,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'a good document with exit code 14',
    query: { exitCode: 14, keepOutput: true },
    wantCodes: ['INFOROM_CORRUPTED'],
    wantGpus: 2,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'no devices',
    query: { exitCode: 6 },
    wantCodes: ['NO_DEVICES'],
    wantGpus: 0,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'no driver',
    query: { exitCode: 9 },
    wantCodes: ['DRIVER_NOT_LOADED'],
    wantGpus: 0,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'no library',
    query: { exitCode: 12 },
    wantCodes: ['NVML_MISSING'],
    wantGpus: 0,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'a GPU off the bus',
    query: { exitCode: 15 },
    wantCodes: ['GPU_LOST'],
    wantGpus: 0,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'another driver version',
    query: { exitCode: 18 },
    wantCodes: ['DRIVER_MISMATCH'],
    wantGpus: 0,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'output that breaks off',
    query: { truncateBytes: 8_000 },
    wantCodes: ['PROBE_OUTPUT_TRUNCATED', 'GPU_COUNT_MISMATCH'],
    wantGpus: 1,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'nothing at all, read from the CSV',
    query: { empty: true },
    wantCodes: ['PROBE_FAILED', 'PROBE_FALLBACK'],
    wantGpus: 2,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'other text, read from the CSV',
    query: { text: 'Segmentation fault\n' },
    wantCodes: ['PROBE_FAILED', 'PROBE_FALLBACK'],
    wantGpus: 2,
    wantOfLibrary: ['PROBE_FAILED'],
  },
  {
    name: 'more output than anybody reads',
    query: { endlessMiB: 40 },
    wantCodes: [],
    wantGpus: 2,
    wantOfLibrary: ['PROBE_FAILED'],
  },
];

for (const { name, query, wantCodes, wantGpus, wantOfLibrary } of ACCIDENTS) {
  t.test(`nvidia-smi with ${name} is a report`, async (t) => {
    const scenario = aSmiScenario(2, { faults: { query } });
    const [report, library] = await Promise.all([open(scenario).collect(), openLibrary(scenario).collect()]);
    t.same(codes(report), wantCodes);
    t.equal(report.gpus.length, wantGpus);
    t.same(codes(library), wantOfLibrary, 'what the library makes of it');
  });
}

t.test('a failing -L and a failing topo -m are conditions beside the GPUs', async (t) => {
  const gpus = [aFakeGpu(0), aSplitMigGpu(1)];
  const report = await open(
    aSmiScenario(2, { gpus, faults: { list: { exitCode: 255 }, topology: { exitCode: 3 } } }),
  ).collect();
  t.same(codes(report), [
    'MIG_LIST_FAILED',
    'TOPOLOGY_UNAVAILABLE',
    'FIELD_UNAVAILABLE',
    'MIG_SLICE_UNIDENTIFIED',
  ]);
  t.equal(report.topology, undefined);
  t.same(
    report.gpus.map((gpu) => [gpu.mig.length, gpu.schedulable]),
    [
      [0, true],
      [3, false],
    ],
  );
});

t.test('fields that the driver does not know are left out of the CSV question', async (t) => {
  const scenario = aSmiScenario(2, {
    unknownFields: ['power.draw.instant', 'gpu_recovery_action'],
    faults: { query: { empty: true } },
  });
  const report = await open(scenario).collect();
  t.equal(report.gpus[1]?.telemetry.powerWatts, 101.5);
});

t.test('a hanging nvidia-smi is killed in time, and then left alone', async (t) => {
  const log = join(root, 'hang.log');
  const probe = open(aSmiScenario(1, { faults: { query: { hang: 'at-once' } }, logFile: log }), 1_000);
  const beganMs = performance.now();
  const report = await probe.collect();
  t.same(codes(report), ['PROBE_TIMEOUT']);
  t.equal(report.completeness, 'failed');
  t.ok(performance.now() - beganMs < 3_000, 'within the limit and the grace');
  t.same(codes(await probe.collect()), ['PROBE_TIMEOUT'], 'the second look asks nothing');
  t.equal(readFileSync(log, 'utf8'), 'query\n', 'it was started once');
});

t.test('a driver that hangs after its document gives the document and is not asked more', async (t) => {
  const log = join(root, 'late.log');
  const report = await open(
    aSmiScenario(2, { faults: { query: { hang: 'after-output' } }, logFile: log }),
    1_500,
  ).collect();
  t.same(codes(report), ['PROBE_TIMEOUT']);
  t.equal(report.gpus.length, 2);
  t.equal(readFileSync(log, 'utf8'), 'query\n');
});

t.test('an answer does not wait for whoever else holds the pipe', async (t) => {
  const beganMs = performance.now();
  const report = await open(aSmiScenario(1, { faults: { query: { pipeHolderMs: 60_000 } } })).collect();
  t.equal(report.gpus.length, 1);
  t.ok(performance.now() - beganMs < 20_000);
});

t.test('looks at the same time share one process', async (t) => {
  const log = join(root, 'shared.log');
  const probe = open(aSmiScenario(1, { logFile: log, faults: { query: { delayMs: 50 } } }));
  const [a, b] = await Promise.all([probe.collect(), probe.collect()]);
  t.equal(a, b);
  t.same(readFileSync(log, 'utf8').trim().split('\n'), ['query', 'list', 'topology']);
  await probe.collect();
  t.same(
    readFileSync(log, 'utf8').trim().split('\n').slice(3),
    ['query', 'list'],
    'topology is not read again so soon',
  );
});

t.test('a look can be given up while nvidia-smi hangs', async (t) => {
  const controller = new AbortController();
  const looking = open(aSmiScenario(1, { faults: { query: { hang: 'at-once' } } })).collect(
    controller.signal,
  );
  controller.abort();
  await t.rejects(looking, { code: 'PROBE_CANCELLED' });
});

t.test('node-nvidia-smi is killed with everything that it started', async (t) => {
  const pidFile = join(root, 'grandchild.pid');
  const report = await openLibrary(
    aSmiScenario(1, { faults: { query: { hang: 'at-once' } }, pidFile }),
    3_000,
  ).collect();
  t.same(codes(report), ['PROBE_TIMEOUT']);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  await eventually(() => !isAlive(pid), { what: 'the end of the tool behind the library' });
});

t.test('a process that survives its kill is not forgotten, and nothing is started beside it', async (t) => {
  const timers: (() => void)[] = [];
  const manual: Clock = {
    ...clock,
    after: (_, fire) => ({ cancel: () => undefined, at: timers.push(fire) }),
  };
  const file = install(aSmiScenario(1, { faults: { query: { hang: 'at-once' } } }));
  const command = createBoundedCommand({
    file,
    clock: manual,
    environment,
    timeoutMs: 1,
    killGraceMs: 1,
    outputBytesMax: 1024,
  });
  const running = command.run(['-q', '-x']);
  // Both limits pass before the operating system can tell of the exit: for the command that is a stuck process.
  timers[0]?.();
  timers[1]?.();
  t.equal((await running).end, 'stuck');
  t.equal(command.running, true);
  t.equal((await command.run(['-L'])).end, 'busy');
  await eventually(() => !command.running, { what: 'the exit of the stuck process' });
  t.equal((await command.run(['-L'])).end, 'exited', 'and then it may run again');
});

t.test('a program that cannot be started is an outcome', async (t) => {
  const options = { clock, environment, timeoutMs: 1_000, killGraceMs: 1_000, outputBytesMax: 1024 };
  const missing = createBoundedCommand({ ...options, file: join(root, 'nowhere') });
  t.match(await missing.run([]), { end: 'unstartable', errorCode: 'ENOENT' });
  t.equal(missing.running, false);
  t.match(await createBoundedCommand({ ...options, file: root }).run([]), {
    end: 'unstartable',
    errorCode: 'EACCES',
  });
  const echo = createBoundedCommand({ ...options, file: '/bin/sh', outputBytesMax: 4 });
  t.match(await echo.run(['-c', 'printf 12345; exec sleep 60']), { end: 'overflow', stdout: '1234' });
  t.match(await echo.run(['-c', 'printf 1234; printf "$LC_ALL" >&2; exit 7']), {
    end: 'exited',
    exitCode: 7,
    stdout: '1234',
    stderr: 'C',
  });
});

t.test('this host has facts and readings', async (t) => {
  const facts = await readHostFacts(root);
  t.ok(facts.cpuMilli >= 1 && facts.memoryBytes > 2 ** 20 && facts.diskBytes > 2 ** 20);
  t.match(facts, { os: /^(linux|darwin) /, architecture: process.arch });
  const telemetry = await createHostTelemetry({ clock, readings: systemReadings(root) }).collect();
  t.ok((telemetry.cpuPercent ?? -1) >= 0 && (telemetry.cpuPercent ?? 101) <= 100);
  t.ok((telemetry.memoryUsedBytes ?? 0) > 2 ** 20);
  t.ok((telemetry.diskFreeBytes ?? 0) > 0);
  t.ok((telemetry.load1 ?? -1) >= 0);
});

t.test('both collectors agree about split MIG and lost GPUs', async (t) => {
  const scenario = withGpu(aSmiScenario(3, { gpus: [aFakeGpu(0), aSplitMigGpu(1), aFakeGpu(2)] }), 2, {
    fault: 'lost',
  });
  const file = install(scenario);
  const [own, library] = await Promise.all([
    createNvidiaSmiProbe({ file, clock, environment }).collect(),
    createNodeNvidiaSmiProbe({ file, clock, environment }).collect(),
  ]);
  const plain = (report: GpuReport) =>
    report.gpus.map(({ telemetry, ...gpu }) => ({ ...gpu, ...telemetry, sampledAtMs: 0 }));
  t.same(plain(library), plain(own));
  t.same(codes(library), codes(own));
});

t.test('a GPU that disappears between looks stays as lost, and a failed look forgets nothing', async (t) => {
  const folder = join(root, 'vanish');
  const file = installFakeSmi(folder, aSmiScenario(3));
  const probe = await selectGpuProbe({ mode: 'auto', nvidiaSmiPath: file, clock, environment });
  t.equal(probe.source, 'nvidia-smi');
  await probe.collect();
  const all = aSmiScenario(3);
  installFakeSmi(folder, { ...all, gpus: [all.gpus[0], all.gpus[2]].flatMap((gpu) => gpu ?? []) });
  const lost = await probe.collect();
  t.same(
    lost.gpus.map((gpu) => [gpu.index, gpu.schedulable]),
    [
      [0, true],
      [1, false],
      [2, true],
    ],
  );
  t.match(lost.conditions, [{ code: 'GPU_LOST', gpuUuid: aFakeGpu(1).uuid }]);
  t.same(Object.keys(lost.gpus[1]?.telemetry ?? {}), ['sampledAtMs']);
  installFakeSmi(folder, { ...all, faults: { all: { exitCode: 9 } } });
  const dead = await probe.collect();
  t.same(
    dead.gpus.map((gpu) => gpu.schedulable),
    [false, false, false],
    'without a driver no GPU takes work',
  );
  installFakeSmi(folder, all);
  t.same(
    (await probe.collect()).gpus.map((gpu) => gpu.schedulable),
    [true, true, true],
  );
});

t.test('the choice is real GPUs first and simulated ones only where allowed', async (t) => {
  const missing = { nvidiaSmiPath: join(root, 'nowhere'), clock, environment };
  const simulated = { count: 2, seed: 'host' };
  t.equal((await selectGpuProbe({ mode: 'auto', ...missing })).source, 'none');
  t.equal((await selectGpuProbe({ mode: 'auto', ...missing, simulated })).source, 'simulated');
  const dead = { ...missing, nvidiaSmiPath: install(aSmiScenario(1, { faults: { all: { exitCode: 9 } } })) };
  t.equal(
    (await selectGpuProbe({ mode: 'auto', ...dead })).source,
    'nvidia-smi',
    'a driver may yet be loaded',
  );
  t.equal((await selectGpuProbe({ mode: 'auto', ...dead, simulated })).source, 'simulated');
  const sick = { ...missing, nvidiaSmiPath: install(aSmiScenario(1, { faults: { all: { exitCode: 15 } } })) };
  t.equal(
    (await selectGpuProbe({ mode: 'auto', ...sick, simulated })).source,
    'nvidia-smi',
    'sick hardware is not replaced',
  );
  t.equal((await selectGpuProbe({ mode: 'none', ...missing })).source, 'none');
  await t.rejects(selectGpuProbe({ mode: 'simulated', ...missing }), { code: 'SIMULATED_GPUS_UNSPECIFIED' });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: that is the answer.
    return false;
  }
}
