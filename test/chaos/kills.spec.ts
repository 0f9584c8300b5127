/**
 * Aim: whatever dies, freezes or is cut off, nothing that was acknowledged is lost, nothing runs twice, no GPU is held
 * twice, and the cluster is whole again within its bounds.
 * Method: real processes under a load of submits; ten kills of the controller and ten of agents, one frozen agent and
 * three cuts of the network in an order drawn from the seed. `npm run chaos` for any number.
 */
import t from 'tap';
import { percentile } from '../bench/bench-report.ts';
import { readTestSeed } from '../kit/rng.ts';
import { CONVERGED_P95_MS, runChaos } from './chaos-run.ts';

t.test('20 kills under load lose nothing and double nothing', { timeout: 400_000 }, async (t) => {
  const seed = readTestSeed();
  const counts = { controllerKills: 10, agentKills: 10, freezes: 1, cuts: 3, burst: 200 };
  const result = await runChaos({ ...counts, seed, say: (line) => t.comment(line) });
  t.comment(`replay: npm run chaos -- --seed ${seed}`);
  t.equal(result.kills, 21);
  t.ok(result.acknowledged > 200, `${result.acknowledged} submits were acknowledged`);
  t.same(result.lost, [], 'nothing that was acknowledged is lost');
  t.same(result.doubled, [], 'nothing started, was made or held twice');
  t.same(result.complaints, [], 'every bound was kept');
  t.ok(percentile([0, ...result.convergedMs], 95) <= CONVERGED_P95_MS, 'whole again in time');
});
