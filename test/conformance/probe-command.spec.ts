/**
 * Aim: `nabla-agent probe` prints exactly the promised document and ends with 0 whatever the driver does. Method:
 * the command against the fake nvidia-smi, output parsed and compared whole.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type ProbeOutput, probeCommand } from '../../agent/probe/probe-command.ts';
import {
  aFakeGpu,
  aSmiScenario,
  aSplitMigGpu,
  type FakeSmiScenario,
  installFakeSmi,
} from '../kit/fake-nvidia-smi/scenario.ts';

const MIB = 2 ** 20;
const root = mkdtempSync(join(tmpdir(), 'nabla-probe-command-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));

async function run(args: readonly string[]): Promise<{ exitCode: number; text: string }> {
  let text = '';
  const exitCode = await probeCommand(args, (piece) => {
    text += piece;
  });
  return { exitCode, text };
}

async function probe(scenario: FakeSmiScenario): Promise<ProbeOutput> {
  const { exitCode, text } = await run(['-o', 'json', '--nvidia-smi', installFakeSmi(root, scenario)]);
  t.equal(exitCode, 0, 'a look is a success whatever is seen');
  return JSON.parse(text) as ProbeOutput;
}

t.test('the document has the promised shape', async (t) => {
  const output = await probe(
    aSmiScenario(2, { gpus: [aFakeGpu(0, { fault: 'lost' }), aSplitMigGpu(1)], link: 'NV18' }),
  );
  const sampledAtMs = output.gpus[0]?.telemetry.sampledAtMs ?? 0;
  t.ok(sampledAtMs > 0);
  t.same(output, {
    driverVersion: '580.65.06',
    gpus: [
      {
        uuid: aFakeGpu(0).uuid,
        index: 0,
        model: 'NVIDIA Imaginary 80GB',
        migMode: false,
        mig: [],
        telemetry: { sampledAtMs },
      },
      {
        uuid: aFakeGpu(1).uuid,
        index: 1,
        model: 'NVIDIA Imaginary 80GB',
        memoryBytes: 81920 * MIB,
        migMode: true,
        mig: (aSplitMigGpu(1).mig ?? []).map(({ uuid, profile, memoryMiB }) => ({
          uuid,
          profile,
          memoryBytes: memoryMiB * MIB,
        })),
        telemetry: {
          memoryUsedBytes: 1025 * MIB,
          temperatureCelsius: 41,
          powerWatts: 101.5,
          powerLimitWatts: 700,
          eccUncorrectable: 0,
          sampledAtMs,
        },
      },
    ],
    conditions: [
      { code: 'GPU_LOST', gpuUuid: aFakeGpu(0).uuid, message: 'the GPU has left the bus' },
      {
        code: 'FIELD_UNAVAILABLE',
        gpuUuid: aFakeGpu(1).uuid,
        message: 'not offered by this GPU: utilizationPercent',
      },
    ],
    topology: [{ gpuUuidA: aFakeGpu(0).uuid, gpuUuidB: aFakeGpu(1).uuid, rank: 'NV18' }],
  });
});

t.test('a failing tool and a missing one are conditions', async (t) => {
  t.same((await probe(aSmiScenario(1, { faults: { all: { exitCode: 9 } } }))).conditions, [
    { code: 'DRIVER_NOT_LOADED', message: 'the NVIDIA driver is not loaded' },
  ]);
  const { exitCode, text } = await run(['--nvidia-smi', join(root, 'nowhere')]);
  t.equal(exitCode, 0);
  t.same(JSON.parse(text), {
    driverVersion: '',
    gpus: [],
    conditions: [{ code: 'NVIDIA_SMI_MISSING', message: 'nvidia-smi was not found' }],
  });
});

t.test('simulated GPUs are made on request and say so', async (t) => {
  const output = JSON.parse((await run(['--simulate', '2'])).text) as ProbeOutput;
  t.same(
    output.gpus.map((gpu) => gpu.model),
    ['Simulated GPU', 'Simulated GPU'],
  );
  t.ok(output.gpus.every((gpu) => gpu.uuid.startsWith('SIM-')));
});

t.test('wrong arguments are refused with a reason and a hint', async (t) => {
  for (const args of [
    ['-o', 'xml'],
    ['--probe', 'magic'],
    ['--nvidia-smi'],
    ['--nvidia-smi', ''],
    ['--simulate', '65'],
    ['--simulate', '0'],
    ['word'],
    ['--what'],
  ]) {
    const refusal = await run(args).catch((error: unknown) => error);
    t.match(refusal, { kind: 'invalid', code: 'PROBE_ARGUMENTS_INVALID', hint: /./ }, args.join(' '));
  }
  const help = await run(['--help']);
  t.equal(help.exitCode, 0);
  t.match(help.text, /--nvidia-smi PATH/);
});
