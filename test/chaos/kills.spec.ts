/**
 * Aim: whatever dies, freezes or is cut off, nothing that was acknowledged is lost, nothing runs twice, no GPU is held
 * twice, and the cluster is whole again within its bounds.
 * Method: real processes under a load of submits; ten kills of the controller and ten of agents, one frozen agent and
 * three cuts of the network in an order drawn from the seed; fewer at the desk. `npm run chaos` for any number.
 */
import t from 'tap';
import { percentile } from '../bench/bench-report.ts';
import { readTestSeed } from '../kit/rng.ts';
import { CONVERGED_P95_MS, runChaos } from './chaos-run.ts';

const PER_PUSH = { controllerKills: 10, agentKills: 10, freezes: 1, cuts: 3, burst: 200 };
const AT_DESK = { controllerKills: 4, agentKills: 4, freezes: 0, cuts: 2, burst: 100 };
const counts = process.env['CI'] === 'true' ? PER_PUSH : AT_DESK;
/** One more comes right after the burst. */
const kills = counts.controllerKills + counts.agentKills + 1;

t.test(`${kills} kills under load lose nothing and double nothing`, { timeout: 400_000 }, async (t) => {
  const seed = readTestSeed();
  const result = await runChaos({ ...counts, seed, say: (line) => t.comment(line) });
  t.comment(`replay: npm run chaos -- --seed ${seed}`);
  t.equal(result.kills, kills);
  t.ok(result.acknowledged > counts.burst, `${result.acknowledged} submits were acknowledged`);
  t.same(result.lost, [], 'nothing that was acknowledged is lost');
  t.same(result.doubled, [], 'nothing started, was made or held twice');
  t.same(result.complaints, [], 'every bound was kept');
  t.ok(percentile([0, ...result.convergedMs], 95) <= CONVERGED_P95_MS, 'whole again in time');
});
