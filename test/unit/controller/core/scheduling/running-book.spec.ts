/** Aim: a book that was kept says what one that is made anew says. Method: random comings and goings by host. */
import fc from 'fast-check';
import t from 'tap';
import { buildQuotaTree } from '../../../../../controller/core/quota/quota-tree.ts';
import type { RunningJob } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import {
  type BookContext,
  bookAll,
  RunningBook,
} from '../../../../../controller/core/scheduling/running-book.ts';
import { aNode, aRunning, HOUR_MS, NOON_MS, SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const TREE = buildQuotaTree([aNode('a', 1000), aNode('b', 8000)]);
const CONTEXT: BookContext = {
  tree: TREE,
  bandOf: () => 0,
  nodeOf: (projectId) => TREE.nodeOfProject.get(projectId) as number,
  runtimeEstimateMs: HOUR_MS,
};

function tell(book: RunningBook): string {
  const ids = (list: readonly { readonly job: RunningJob }[]) => list.map(({ job }) => job.id);
  const sums = TREE.names.flatMap((_, node) => [book.ledger.used(node, 0), book.soon.used(node, 0)]);
  const hosts = [0, 1, 2].map((host) => [ids(book.onHost(host)), ids(book.victimsOnHost.get(host) ?? [])]);
  const ends = book.ends.map(({ job, endMs }) => [job.id, endMs]);
  return JSON.stringify([
    ends,
    ids(book.victims),
    hosts,
    sums,
    [...book.heldGpuMilli],
    [...book.projects].map(([id, count]) => `${id} ${count}`).sort((a, b) => (a < b ? -1 : 1)),
  ]);
}

const aJob = fc.record({
  host: fc.integer({ min: 0, max: 2 }),
  project: fc.constantFrom('a', 'b'),
  isPreemptible: fc.boolean(),
  isGoing: fc.boolean(),
  limitMs: fc.constantFrom(0, HOUR_MS, 3 * HOUR_MS),
});

t.test('kept or made anew, the same book', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.array(aJob, { maxLength: 6 }), { maxLength: 6 }), (rounds) => {
      const kept = new RunningBook(CONTEXT);
      const byHost = new Map<number, RunningJob[]>();
      let nowMs = NOON_MS;
      let count = 0;
      for (const round of rounds) {
        for (const host of [0, 1, 2]) if ((count + host) % 2 === 0) byHost.set(host, []);
        for (const { host, project, isGoing, isPreemptible, limitMs } of round) {
          const packing = plainPacking([{ gpuCount: 8 }], SHAPES);
          const placing = { ...packing.tryPlace({ shape: 0, count: 1, perHostMax: 1 })!, hosts: [host] };
          count += 1;
          const more = {
            isPreemptible,
            placing,
            startedMs: nowMs,
            ...(isGoing ? { stopsByMs: nowMs + 5 } : {}),
          };
          const plain = plainPacking([{ gpuCount: 8 }, { gpuCount: 8 }, { gpuCount: 8 }], SHAPES);
          const job = aRunning(plain, `j${100 + count}`, { project, limitMs }, more);
          byHost.set(host, [...(byHost.get(host) ?? []), job]);
        }
        for (const [host, jobs] of byHost) kept.put(host, jobs, nowMs);
        // Shorter than any limit, so that only guesses run out.
        nowMs += HOUR_MS - 1;
        for (const jobs of byHost.values())
          jobs.splice(0, jobs.length, ...jobs.filter((job) => lasts(job, nowMs)));
        for (const [host, jobs] of byHost) kept.put(host, jobs, nowMs);
        nowMs += 2;
        kept.advance(nowMs);
        for (const jobs of byHost.values())
          jobs.splice(0, jobs.length, ...jobs.filter((job) => lasts(job, nowMs)));
        for (const [host, jobs] of byHost) kept.put(host, jobs, nowMs);
        const anew = bookAll(CONTEXT, [...byHost.values()].flat(), nowMs);
        if (tell(kept) !== tell(anew)) throw new Error(`kept ${tell(kept)}\nnew ${tell(anew)}`);
      }
    }),
    { numRuns: 200, seed: 6 },
  );
  t.pass();
});

/** Its end is not yet behind it. */
function lasts({ startedMs, timeLimitMs, stopsByMs }: RunningJob, nowMs: number): boolean {
  if (stopsByMs !== undefined) return stopsByMs > nowMs;
  return timeLimitMs === 0 || startedMs + timeLimitMs > nowMs + 1;
}

t.test('guesses that ran out move, and the host is told', async (t) => {
  const book = new RunningBook(CONTEXT);
  const packing = plainPacking([{ gpuCount: 8 }], SHAPES);
  const job = aRunning(packing, 'v', { limitMs: 0 }, { startedMs: NOON_MS });
  book.put(0, [job], NOON_MS);
  t.equal(book.ends[0]?.endMs, NOON_MS + HOUR_MS);
  t.same(book.advance(NOON_MS + 1), []);
  t.same(book.advance(NOON_MS + HOUR_MS), [0]);
  t.equal(book.ends[0]?.endMs, NOON_MS + 2 * HOUR_MS);
  t.same(book.advance(NOON_MS - 1), [0], 'the clock was set back');
  t.equal(book.ends[0]?.endMs, NOON_MS - 1 + HOUR_MS, 'as if it started now');
  t.same(book.advance(NOON_MS), [0]);
  t.equal(book.ends[0]?.endMs, NOON_MS + HOUR_MS);
  t.same(book.advance(NOON_MS + 1), []);
  book.put(0, [], NOON_MS);
  t.equal(book.ends.length, 0);
});
