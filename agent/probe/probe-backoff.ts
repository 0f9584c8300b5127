/**
 * Leaving a hanging driver alone: each try may leave a process behind that nobody can kill, so tries become rare,
 * and a driver that keeps hanging is called stuck, which takes its GPUs out of service.
 */
import type { Clock } from '../../proto/ports/index.ts';
import type { Finding } from './probe-condition.ts';

export interface ProbeBackoff {
  /** What to report instead of asking; undefined when the tool may be asked. */
  quiet(): Finding | undefined;
  /** Notes what a call ended with. Answers with how it hung, or undefined when it did not. */
  learn(findings: readonly Finding[]): Finding | undefined;
}

/** 30 s, 60 s, … up to 8 min. */
export const BACKOFF_FIRST_MS = 30_000;
export const BACKOFF_LAST_MS = 480_000;
/** One slow answer is a busy host; so many in a row are a driver that is gone. */
export const HANGS_TO_STUCK = 3;

export function createProbeBackoff(clock: Clock): ProbeBackoff {
  let hangs = 0;
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  let last: Finding | undefined;
  return {
    quiet: () => (clock.monotonicMs() < quietUntilMs ? last : undefined),
    learn(findings) {
      last = findings.find(isHang);
      if (last === undefined) {
        hangs = 0;
        return undefined;
      }
      quietUntilMs = clock.monotonicMs() + Math.min(BACKOFF_FIRST_MS * 2 ** hangs, BACKOFF_LAST_MS);
      hangs += 1;
      if (hangs >= HANGS_TO_STUCK && last.code === 'PROBE_TIMEOUT') {
        last = { code: 'PROBE_STUCK', message: 'nvidia-smi has not answered several times in a row' };
      }
      return last;
    },
  };
}

/** True for the two ways in which a tool does not come back. */
export function isHang(finding: Finding): boolean {
  return finding.code === 'PROBE_STUCK' || finding.code === 'PROBE_TIMEOUT';
}
