/**
 * Aim: no seed breaks a promise, no seed depends on anything but itself, and every planted bug is found. Method:
 * whole clusters in simulated time; few seeds on a desk, many where CI says so.
 */
import t from 'tap';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { REGRESSION_SEEDS } from './regression-seeds.ts';
import { findPlanted, runSeeds } from './seeds.ts';
import { runSeed } from './sim.ts';

const inCi = process.env['CI'] === 'true';
const SEEDS = inCi ? { count: 500, steps: 5_000 } : { count: 20, steps: 1_000 };
const PLANTED_STEPS = 3_000;

t.test(`${SEEDS.count} seeds of ${SEEDS.steps} steps keep every promise`, async (t) => {
  const lines: string[] = [];
  const { violations } = await runSeeds({ from: 1, ...SEEDS, say: (line) => void lines.push(line) });
  for (const line of lines) t.comment(line);
  t.equal(violations, 0, lines.filter((line) => line.startsWith('seed')).join('\n'));
});

t.test('seeds that once found a bug', async (t) => {
  for (const { seed, steps, found } of REGRESSION_SEEDS) {
    const { violation } = await runSeed({ seed, steps });
    t.equal(violation, undefined, found);
  }
});

t.test('the same seed gives the same trace, another seed another', async (t) => {
  const [first, second, other] = [
    await runSeed({ seed: 77, steps: 1_500 }),
    await runSeed({ seed: 77, steps: 1_500 }),
    await runSeed({ seed: 78, steps: 1_500 }),
  ];
  t.same(first, second);
  t.not(first.traceHash, other.traceHash);
});

/** On a desk a few of them, chosen for speed: each guards another part. */
const QUICK: readonly PlantedBug[] = [
  'ack-before-sync',
  'log-unfenced',
  'free-on-lost',
  'no-request-memory',
  'placement-unchecked',
  'act-before-journal',
  'report-seq-reused',
  'wake-lost',
  'replace-before-fence',
  'lead-unproved',
];

for (const bug of inCi ? (Object.keys(PLANTED_BUGS) as PlantedBug[]) : QUICK) {
  t.test(`the planted bug ${bug} is found`, async (t) => {
    const found = await findPlanted(bug, { steps: PLANTED_STEPS, from: 1 });
    t.ok(found !== undefined);
    if (found !== undefined) t.comment(`${found.seeds} seeds, ${found.steps} steps: ${found.message}`);
  });
}
