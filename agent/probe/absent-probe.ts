/**
 * The probe of a host without GPUs, and of one whose operator said that there are none to look for.
 */
import type { Clock } from '../../proto/ports/index.ts';
import { emptyReport } from './gpu-report.ts';
import type { Finding } from './probe-condition.ts';
import type { GpuProbe } from './probe-port.ts';

/** Always answers with no GPUs, and with the `reasons` as conditions. */
export function createAbsentProbe(clock: Clock, reasons: readonly Finding[] = []): GpuProbe {
  return {
    source: 'none',
    collect: async () => emptyReport(reasons, clock.nowMs(), 'whole'),
  };
}
