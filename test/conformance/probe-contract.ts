/**
 * What every GPU probe promises, as a suite that each adapter runs: order, labels, readings with their time, shared
 * looks, cancellation, and that a look never throws because a driver is sick.
 */
import type t from 'tap';
import { applyGpuLook } from '../../agent/core/gpu-inventory.ts';
import type { GpuProbe } from '../../agent/probe/probe-port.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';

export interface ProbeUnderTest {
  readonly name: string;
  /** Whether its GPUs are made up. */
  readonly simulated: boolean;
  /** A probe of a healthy host with so many GPUs. */
  open(gpuCount: number): GpuProbe;
}

type Test = typeof t;

/** Registers the suite for one adapter. */
export function testProbeContract(t: Test, subject: ProbeUnderTest): void {
  t.test(`${subject.name}: GPUs come in index order, labelled, with readings that are dated`, async (t) => {
    const report = await subject.open(3).collect();
    t.same(
      report.gpus.map((gpu) => gpu.index),
      [0, 1, 2],
    );
    t.equal(new Set(report.gpus.map((gpu) => gpu.uuid)).size, 3);
    t.equal(report.completeness, 'whole');
    t.equal(report.attachedGpus, 3);
    t.equal(report.topology?.length, 3, 'a link per pair');
    for (const gpu of report.gpus) {
      t.equal(gpu.simulated, subject.simulated);
      t.equal(gpu.schedulable, true);
      t.ok(gpu.memoryBytes > 0);
      t.ok(gpu.telemetry.sampledAtMs > 0);
      t.ok((gpu.telemetry.utilizationPercent ?? -1) >= 0);
      if (subject.simulated) t.match(`${gpu.model} ${gpu.uuid}`, /^Simulated .* SIM-/);
    }
  });

  t.test(`${subject.name}: two looks agree about what is there`, async (t) => {
    const probe = subject.open(2);
    const first = await probe.collect();
    const second = await probe.collect();
    t.same(
      second.gpus.map((gpu) => gpu.uuid),
      first.gpus.map((gpu) => gpu.uuid),
    );
    const folded = applyGpuLook({
      known: first.gpus,
      knownConditions: first.conditions,
      look: { ...second, driverFit: true },
      nowMs: 1,
      toUnseen: (gpu) => gpu,
    });
    t.equal(folded.gpus.length, 2, 'nothing is lost or doubled between them');
  });

  t.test(`${subject.name}: a host without GPUs is a report without GPUs`, async (t) => {
    const report = await subject.open(0).collect();
    t.same(report.gpus, []);
    t.equal(report.completeness, 'whole');
  });

  t.test(`${subject.name}: a look that was given up is an error of its own kind`, async (t) => {
    const probe = subject.open(1);
    const cancelled = await probe.collect(AbortSignal.abort()).catch((error: unknown) => error);
    if (subject.simulated && !isClusterError(cancelled)) return;
    t.match(cancelled, { kind: 'cancelled', code: 'PROBE_CANCELLED' });
    t.equal((await probe.collect()).gpus.length, 1, 'and the next look is not harmed');
  });
}
