/**
 * Aim: a limit is believed, a guess is stretched until it lies ahead. Method: a table.
 */
import t from 'tap';
import { expectEnd } from '../../../../../controller/core/scheduling/expected-end.ts';
import type { RunningJob } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import { aRunning, SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const CASES: readonly (readonly [name: string, more: Partial<RunningJob>, endMs: number, isSure: boolean])[] =
  [
    ['its limit', { timeLimitMs: 5000 }, 5000, true],
    ['a limit that has passed: any moment', { timeLimitMs: 500 }, 1001, true],
    ['when it was told to stop by', { timeLimitMs: 5000, stopsByMs: 1500 }, 1500, true],
    ['a stop that is late: any moment', { stopsByMs: 900 }, 1001, true],
    ['what was learned', { learnedEndMs: 2000 }, 2000, false],
    ['no longer what was learned', { learnedEndMs: 1000 }, 1200, false],
    ['the estimate, doubled twice', {}, 1200, false],
  ];

for (const [name, more, endMs, isSure] of CASES) {
  t.test(name, async (t) => {
    const packing = plainPacking([{ gpuCount: 8 }], SHAPES);
    const job = aRunning(packing, 'r', {}, { startedMs: 0, timeLimitMs: 0, ...more });
    t.same(expectEnd(job, 1000, 300), { endMs, isSure });
  });
}
