/**
 * Aim: whoever asks why a job waits hears what binds it, which hosts lack what, its place, when it is thought to start or
 * why that is unknown, and changes that the planner itself confirmed. Method: small clusters whose answers are known.
 */
import t from 'tap';
import type { ChangeKind, JobExplanation } from '../../../../../proto/domain/explain-views.ts';
import { anInventory, hostId, someGpus, T0_MS } from '../../../../kit/builders.ts';
import { explainWhole } from '../../../../kit/explained.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;

const gpuHost = (name: string, gpus: number, model = 'NVIDIA H100 80GB HBM3') => ({
  id: hostId(name),
  name,
  inventory: anInventory({ gpus: someGpus(gpus, { host: name, model }) }),
});

const changeOf = ({ changes }: JobExplanation, kind: ChangeKind) => changes.find((one) => one.kind === kind);

t.test('a full host: the reason, the place, an estimate by time limits, and nothing invented', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 2));
  const running = planned.job(2, { timeLimitMs: HOUR_MS });
  planned.step();
  const waiting = planned.job(2, { preemptible: true });
  const { explanation } = explainWhole(planned.world, waiting);
  t.match(explanation, {
    state: 'queued',
    code: 'NO_FREE_GPU',
    queue: 'default',
    position: 1,
    readyCount: 1,
    hosts: [{ code: 'NO_FREE_GPU', hostCount: 1, hostNames: ['a'], passesWithTime: true }],
    holders: { jobIds: [running], visibleCount: 1, hiddenCount: 0 },
    ahead: { visibleCount: 0, hiddenCount: 0 },
    unknownBecause: '',
    incomplete: false,
  });
  t.equal(explanation.estimate?.startMs, T0_MS + HOUR_MS);
  t.match(explanation.estimate?.basis, 'time limits');
  t.same(explanation.changes, [], 'no GPU is free, so no change helps');
});

t.test('fewer GPUs: the most that starts now', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 8));
  planned.job(3);
  planned.step();
  const waiting = planned.job(8);
  const change = changeOf(explainWhole(planned.world, waiting).explanation, 'gpus');
  t.match(change, { flags: '--gpus 5', startsNow: true, inPlace: false });
});

t.test('another model, where one is free', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 2));
  planned.world.addHost(gpuHost('b', 2, 'NVIDIA A100-SXM4-80GB'));
  const resources = { gpuMilli: 2000, gpuModels: ['H100'] };
  planned.job(2, { resources });
  planned.step();
  const { explanation } = explainWhole(planned.world, planned.job(2, { resources }));
  t.match(explanation.hosts, [
    { code: 'NO_FREE_GPU', hostNames: ['a'], passesWithTime: true },
    { code: 'NO_GPU_MODEL', hostNames: ['b'], passesWithTime: false },
  ]);
  t.match(changeOf(explanation, 'gpu-model'), { startsNow: true, flags: '--gpu-model H100,A100' });
  t.match(explanation.changes[0], { kind: 'gpu-model' });
});

t.test('a shorter limit fits before a start that is kept for another', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 2));
  planned.job(1, { timeLimitMs: 3 * HOUR_MS });
  planned.step();
  planned.job(2, { timeLimitMs: HOUR_MS });
  planned.world.nowMs += 1;
  const waiting = planned.job(1, { timeLimitMs: 8 * HOUR_MS });
  const { explanation } = explainWhole(planned.world, waiting);
  t.equal(explanation.code, 'BACKFILL_WOULD_DELAY');
  t.equal(explanation.position, 2);
  t.match(explanation.ahead, { visibleCount: 1 });
  t.match(changeOf(explanation, 'time-limit'), { startsNow: true, inPlace: true, flags: '--time-limit 2h' });
  planned.world.run({ type: 'update-job', project: 'default', job: waiting, timeLimitMs: 2 * HOUR_MS });
  t.match(planned.step().placements, [{ jobId: waiting }], 'and the planner keeps the word');
});

t.test('what takes another submission is asked about at the end of the queue', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 2));
  planned.job(1);
  planned.step();
  const waiting = planned.job(2);
  planned.world.nowMs += 1;
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.world.nowMs += 1;
  const { explanation, asked } = explainWhole(planned.world, waiting);
  const smaller = asked.find(({ spec }) => spec.resources.gpuMilli === 1000);
  t.equal(smaller?.createdAtMs, planned.world.nowMs + 1);
  const change = changeOf(explanation, 'gpus');
  t.equal(change?.startsNow, false, 'the one behind it would come first then');
  t.match(change, { estimate: { startMs: planned.world.nowMs + HOUR_MS } }, 'and free its place in an hour');
});

t.test('a held job: only its release helps, and when is unknown', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 1));
  const waiting = planned.world.addJob({ resources: { gpuMilli: 1000 } }, { hold: true });
  const { explanation } = explainWhole(planned.world, waiting);
  t.match(explanation, { code: 'HELD', position: 0, unknownBecause: /released|releases/ });
  t.notOk('estimate' in explanation);
  t.match(explanation.changes, [{ kind: 'release', startsNow: true, inPlace: true }]);
});

t.test('no host could ever hold it', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 1));
  const { explanation } = explainWhole(planned.world, planned.job(4));
  t.match(explanation, {
    hosts: [{ code: 'TOO_FEW_GPUS', passesWithTime: false }],
    unknownBecause: 'no host could hold it, however long it waits',
  });
  t.match(changeOf(explanation, 'gpus'), { flags: '--gpus 1', startsNow: true });
});

t.test('of many alike each has its own place and a later estimate', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 1));
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.step();
  const alike = Array.from({ length: 5 }, () => planned.job(1, { timeLimitMs: HOUR_MS }));
  const estimates = alike.map((id) => explainWhole(planned.world, id).explanation.estimate?.startMs ?? 0);
  t.ok(estimates[0]! > T0_MS);
  t.ok(
    estimates.every((startMs, at) => at === 0 || startMs > estimates[at - 1]!),
    `${estimates}`,
  );
  t.equal(explainWhole(planned.world, alike[4]!).explanation.position, 5);
});

t.test('what does not wait says its state', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 1));
  const running = planned.job(1);
  planned.step();
  const { explanation } = explainWhole(planned.world, running);
  t.match(explanation, { state: 'running', position: 0, hosts: [], changes: [], plans: 0 });
});

t.test('jobs of hidden projects are counts', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 2));
  const running = planned.job(2);
  planned.step();
  const first = planned.job(2);
  planned.world.nowMs += 1;
  const waiting = planned.job(2);
  const sees = ({ id }: { readonly id: string }) => id === waiting;
  const { explanation } = explainWhole(planned.world, waiting, { sees });
  t.same(explanation.holders, { jobIds: [], visibleCount: 0, hiddenCount: 1 });
  t.same(explanation.ahead, { jobIds: [], visibleCount: 0, hiddenCount: 1 });
  const text = JSON.stringify(explanation);
  for (const hidden of [running, first]) t.notMatch(text, hidden);
});

t.test('whom a better job displaces is told', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 1));
  const victim = planned.job(1, { priority: 10, preemptible: true });
  planned.step();
  planned.world.nowMs += HOUR_MS;
  const { explanation } = explainWhole(planned.world, planned.job(1, { priority: 900 }));
  t.match(explanation, { code: 'EVICTION', victims: { jobIds: [victim] } });
  t.match(explanation.estimate?.basis, 'evicted');
});

t.test('asking changes nothing: neither the state nor what the planner answers next', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addHost(gpuHost('a', 4));
  planned.job(3, { timeLimitMs: HOUR_MS });
  planned.step();
  const waiting = [planned.job(4), planned.job(2, { priority: 700 }), planned.job(3)];
  const seq = planned.world.state.headSeq;
  const first = waiting.map((id) => explainWhole(planned.world, id).explanation);
  const again = [...waiting].reverse().map((id) => explainWhole(planned.world, id).explanation);
  t.same(again.reverse(), first);
  t.equal(planned.world.state.headSeq, seq);
});
