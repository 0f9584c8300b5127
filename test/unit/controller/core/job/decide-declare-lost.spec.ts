/**
 * Aim: silence ends only what its host must have stopped by then, an operator's word ends all, both are final and
 * free nothing. Method: a world with one host; each test tells what was decided and what the host says later.
 */
import t from 'tap';
import { fencedAfterMs, SELF_FENCE_DEFAULT_MS } from '../../../../../proto/domain/fencing.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import type { OnDisconnect } from '../../../../../proto/domain/job.ts';
import { anExit, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { theHost, World } from '../../../../kit/stores-world.ts';

const BOUND_MS = fencedAfterMs(SELF_FENCE_DEFAULT_MS);

function start(...policies: readonly OnDisconnect[]): {
  readonly world: World;
  readonly ids: readonly JobId[];
} {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(4) }) });
  const ids = policies.map((onDisconnect) => world.addJob({ resources: { gpuMilli: 1000 }, onDisconnect }));
  world.place();
  for (const id of ids) world.observe(id, { phase: 'running' });
  return { world, ids };
}

const silence = (silentMs: number) =>
  ({ type: 'declare-lost', hostId: theHost, by: { cause: 'silence', silentMs } }) as const;
const verdict = { type: 'declare-lost', hostId: theHost, by: { cause: 'operator' } } as const;

t.test('the bound holds what a host needs to fence', async (t) => {
  t.ok(BOUND_MS >= SELF_FENCE_DEFAULT_MS * 1.01 + 45_000);
  t.ok(BOUND_MS <= 300_000, 'a host is lost no sooner than it has fenced');
});

t.test('silence: wait waits, replace is queued again, stop ends, and all GPUs stay held', async (t) => {
  const { world, ids } = start('wait', 'replace', 'stop');
  t.same(world.run(silence(BOUND_MS - 1)).events, [], 'it may not have stopped them yet');
  const { outcome } = world.run(silence(BOUND_MS));
  t.same(outcome.declared, [`${ids[1]}.1`, `${ids[2]}.1`]);
  t.match(world.job(ids[0]!), { state: 'running' });
  t.match(world.job(ids[1]!), { state: 'queued', reason: 'HOST_LOST', retriesUsed: 0 });
  t.match(world.job(ids[2]!), { state: 'failed', reason: 'HOST_LOST', exitCode: 125 });
  t.equal(world.state.use(theHost).gpus.size, 3, 'only the host can prove them free');
  t.same(world.run(silence(BOUND_MS * 2)).events, [], 'the same again says nothing');
});

t.test('a host that comes back is told to forget what was given up, and then frees it', async (t) => {
  const { world, ids } = start('replace');
  world.run(silence(BOUND_MS));
  t.same(world.observe(ids[0]!, { phase: 'running' }).events, [], 'the verdict is final');
  t.match(world.state.wanted(theHost).tasks, [{ phase: 'gone', generation: 2 }]);
  const exit = anExit({ signal: 15, verdict: 'host', reason: 'DISCONNECTED' });
  world.observe(ids[0]!, { phase: 'exited', exit, stopped: true, logArchived: true });
  t.equal(world.state.use(theHost).gpus.size, 0);
  t.match(world.job(ids[0]!).attempts, [{ outcome: 'lost', exit: { reason: 'HOST_LOST' } }]);
});

t.test('a host that fenced and is back before the verdict: replace is queued again, stop ends', async (t) => {
  const { world, ids } = start('replace', 'stop');
  const exit = anExit({ code: 0, verdict: 'host', reason: 'DISCONNECTED' });
  for (const id of ids) world.observe(id, { phase: 'exited', exit, stopped: true });
  t.match(world.job(ids[0]!), { state: 'queued', reason: 'DISCONNECTED', retriesUsed: 0 });
  t.match(world.job(ids[1]!), { state: 'failed', reason: 'DISCONNECTED', exitCode: 125 });
});

t.test("an operator's word ends all of a host, or what it names", async (t) => {
  const { world, ids } = start('wait', 'wait');
  const only = [{ jobId: ids[1]!, attempt: 1 }];
  t.same(world.run({ ...verdict, only }).outcome.declared, [`${ids[1]}.1`]);
  t.match(world.job(ids[0]!), { state: 'running' });
  t.same(world.run(verdict).outcome.declared, [`${ids[0]}.1`]);
  t.match(world.job(ids[0]!), { state: 'queued', reason: 'HOST_LOST' });
});

t.test('a job whose stop was asked for is cancelled by the verdict', async (t) => {
  const { world, ids } = start('wait');
  world.run({ type: 'stop-job', project: 'default', job: ids[0]! });
  world.run(verdict);
  t.match(world.job(ids[0]!), { state: 'cancelled' });
});

t.test('what was placed under unknown terms is never given up by silence', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(1) }) });
  const jobId = world.addJob({ onDisconnect: 'replace' });
  const placements = [{ jobId, attempt: 1, hostId: theHost, gpuUuids: [], driver: 'process' }];
  world.run({ type: 'place-jobs', placements, selfFenceMs: 0 });
  t.same(world.run(silence(1e12)).events, []);
});

t.test('a host that nobody knows', async (t) => {
  const { world } = start('wait');
  t.match(world.refusal({ ...verdict, hostId: hostId('77') }), { code: 'HOST_NOT_FOUND' });
});
