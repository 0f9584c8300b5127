/** Aim: stop, delete, retry and tag do what they say, and refuse what they must. Method: stories in a world. */
import t from 'tap';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { anExit, jobId, secretId } from '../../../../kit/builders.ts';
import { theHost, World } from '../../../../kit/stores-world.ts';

function worldWithJob(): { readonly world: World; readonly id: JobId } {
  const world = new World();
  world.addHost();
  return { world, id: world.addJob({ name: 'train' }) };
}

function finish(world: World, id: JobId, stopped = true): void {
  world.place();
  world.observe(id, {
    phase: 'exited',
    exit: anExit({ code: 1, verdict: 'user-code' }),
    stopped,
    logArchived: true,
  });
}

const order = (type: 'stop-job' | 'delete-job' | 'retry-job', job: string) => ({
  type,
  project: 'default',
  job,
});

t.test('a queued job is cancelled at once', async (t) => {
  const { world, id } = worldWithJob();
  const { events } = world.run(order('stop-job', id));
  t.same(
    events.map((event) => event.type),
    ['job-stop-requested', 'job-finished'],
  );
  t.match(world.job(id), { state: 'cancelled', exitCode: 143, stopRequested: true });
  t.equal(world.state.queue().length, 0);
});

t.test('stopping twice is harmless, stopping what has finished is refused', async (t) => {
  const { world, id } = worldWithJob();
  world.place();
  world.run(order('stop-job', id));
  t.same(world.run(order('stop-job', id)).events, []);
  t.match(world.state.wanted(theHost).tasks, [{ generation: 2 }], 'the order was given once');
  const { world: other, id: done } = worldWithJob();
  finish(other, done);
  t.match(other.refusal(order('stop-job', done)), { kind: 'precondition', code: 'JOB_ALREADY_FINISHED' });
});

t.test('a job is found by its name and by the beginning of its id', async (t) => {
  const { world, id } = worldWithJob();
  world.run(order('stop-job', 'train'));
  const second = world.addJob({ name: 'train' });
  t.equal(world.run(order('stop-job', 'train')).outcome.subject, second, 'of two the newest');
  t.match(world.refusal(order('stop-job', 'job_0')), {
    code: 'JOB_AMBIGUOUS',
    hint: /job_000001, job_000002/,
  });
  t.match(world.refusal(order('stop-job', 'nope')), { kind: 'not-found', code: 'JOB_NOT_FOUND' });
  t.match(
    world.refusal(order('stop-job', id.slice(4))),
    { code: 'JOB_ALREADY_FINISHED' },
    'without the kind, too',
  );
});

t.test('a job is deleted only when finished and proved stopped', async (t) => {
  const { world, id } = worldWithJob();
  t.match(world.refusal(order('delete-job', id)), { code: 'JOB_NOT_FINISHED' });
  finish(world, id, false);
  t.match(world.refusal(order('delete-job', id)), { code: 'JOB_NOT_RELEASED' });
  world.observe(id, { phase: 'exited', stopped: true });
  world.run(order('delete-job', id));
  t.equal(world.state.job(id), undefined);
  t.equal(world.state.jobCount, 0);
});

t.test('the secrets made for a job go with it', async (t) => {
  const world = new World();
  world.addHost();
  const id = jobId('a');
  const secret = { id: secretId('r'), name: 'registry', sealed: new Uint8Array([1]) };
  world.run({ type: 'create-job', id, project: 'default', spec: world.spec(), secrets: [secret] });
  world.run(order('stop-job', id));
  world.run(order('delete-job', id));
  t.equal(world.state.secret(secret.id), undefined);
});

t.test('a retry by hand queues a finished job for one attempt more, whatever its caps', async (t) => {
  const { world, id } = worldWithJob();
  t.match(world.refusal(order('retry-job', id)), { code: 'JOB_NOT_FINISHED' });
  finish(world, id);
  t.equal(world.job(id).state, 'failed');
  world.run(order('retry-job', id));
  t.match(world.job(id), { state: 'queued', manualRetries: 1 });
  finish(world, id);
  t.match(world.job(id), { state: 'failed', retriesUsed: 0, attempts: [{ number: 1 }, { number: 2 }] });
});

t.test('a repeated retry with the same request id is one retry', async (t) => {
  const { world, id } = worldWithJob();
  finish(world, id);
  const request = { requestId: 'r', contentHash: 'h' };
  world.run({ ...order('retry-job', id), type: 'retry-job', request });
  t.match(world.run({ ...order('retry-job', id), type: 'retry-job', request }), {
    outcome: { replayed: true },
  });
  t.equal(world.job(id).manualRetries, 1);
});

t.test('retries by hand are bounded', async (t) => {
  const { world, id } = worldWithJob();
  for (let count = 0; count < 100; count++) {
    world.run(order('stop-job', id));
    world.run(order('retry-job', id));
  }
  world.run(order('stop-job', id));
  t.match(world.refusal(order('retry-job', id)), { kind: 'quota', code: 'MANUAL_RETRIES_MAX' });
});

t.test('tags are a sorted set, and a task that runs does not notice', async (t) => {
  const { world, id } = worldWithJob();
  world.place();
  const before = world.state.wanted(theHost);
  const tag = (add: readonly string[], remove: readonly string[] = []) =>
    world.run({ type: 'tag-job', project: 'default', job: id, add, remove });
  tag(['b', 'a', 'b']);
  t.same(world.job(id).spec.tags, ['a', 'b']);
  t.same(tag(['a']).events, [], 'nothing new, nothing committed');
  tag([], ['a']);
  t.same(world.job(id).spec.tags, ['b']);
  t.same(world.state.wanted(theHost), before);
  const many = Array.from({ length: 65 }, (_, index) => `t${index}`);
  const tooMany = { type: 'tag-job', project: 'default', job: id, add: many, remove: [] } as const;
  t.match(world.refusal(tooMany), { kind: 'invalid', code: 'BAD_TAGS' });
});
