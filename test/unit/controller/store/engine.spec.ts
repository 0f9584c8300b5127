/**
 * Aim: order, grouping, answers after the sync, reads of durable state only, and death on doubt. Method: engines over
 * memory, over a log whose syncs are held by the test, and over logs that fail.
 */
import t from 'tap';
import type { Commit } from '../../../../controller/core/engine.ts';
import { ClusterState } from '../../../../controller/state/cluster-state.ts';
import { BATCH_BYTES_MAX, BATCH_COMMANDS_MAX } from '../../../../controller/store/batch.ts';
import { COMMANDS_QUEUED_MAX, GroupCommitEngine } from '../../../../controller/store/engine.ts';
import { foldEvents, loadState } from '../../../../controller/store/load-state.ts';
import { createMemoryDisk, createMemoryLog } from '../../../../controller/store/memory-log.ts';
import { stateHash } from '../../../../controller/store/state-hash.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import { aJobSpec, jobId, projectId, secretId } from '../../../kit/builders.ts';
import { eventually } from '../../../kit/eventually.ts';
import { createCrashingLog, createFailingLog, createGatedLog } from '../../../kit/stores.ts';
import { context, createJob, openTestEngine, registerHost } from '../../../kit/stores-engine.ts';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** An engine whose founding is through and whose next syncs wait for the test. */
async function openGated() {
  const gated = createGatedLog();
  const opening = openTestEngine(gated.log);
  await settle();
  gated.release();
  const opened = await opening;
  return { ...opened, ...gated };
}

t.test('a fresh cluster has an id, a default project and epoch 1', async (t) => {
  const { engine } = await openTestEngine();
  t.equal(engine.epoch, 1);
  t.match(engine.clusterId, /^cluster_/);
  t.match(await engine.read((view) => view.findProject('default')), { found: true });
  t.match(await engine.events(0, 10), [
    { type: 'cluster-founded', principal: 'system' },
    { type: 'project-created' },
  ]);
  await engine.close();
});

t.test('an answer comes after the sync, and a read waits for it', async (t) => {
  const { engine, release, waiting } = await openGated();
  const heard: string[] = [];
  void engine.submit(createJob(1), context).then(() => heard.push('answer'));
  await settle();
  t.equal(waiting(), 1, 'the sync is under way');
  void engine.read((view) => view.job(jobId(1))).then((job) => heard.push(`read ${job?.id}`));
  engine.onCommit(() => heard.push('commit'));
  await settle();
  t.same(heard, [], 'nothing is told before it is durable');
  release();
  await settle();
  t.same(heard.sort(), ['answer', 'commit', 'read job_1']);
  await engine.close();
});

t.test('what arrives while a group is gathered belongs to it', async (t) => {
  let close: () => void = () => undefined;
  const gather = (): Promise<void> =>
    new Promise((resolve) => {
      close = resolve;
    });
  const log = createMemoryLog();
  const engine = new GroupCommitEngine(new ClusterState(), log, {
    epoch: await log.acquireLeadership(),
    chainHash: '0'.repeat(64),
    onFatal: (error) => t.fail('fatal', { error }),
    gather,
  });
  const groups: number[] = [];
  engine.onCommit(({ jobs }) => groups.push(jobs.size));
  const found = engine.submit({ type: 'found-cluster', clusterId: 'c', projectId: projectId('1') }, context);
  await settle();
  t.same(groups, [], 'it waits');
  const jobs = [1, 2].map((index) => engine.submit(createJob(index), context));
  close();
  await Promise.all([found, ...jobs]);
  t.same(groups, [2], 'one group for all three');
  await engine.close();
});

t.test('what comes during a sync is committed together in the next one, in order', async (t) => {
  const { engine, release, sizes } = await openGated();
  const commits: Commit[] = [];
  engine.onCommit((commit) => commits.push(commit));
  const first = engine.submit(createJob(0), context);
  await settle();
  const rest = Array.from({ length: 5 }, (_, index) => engine.submit(createJob(index + 1), context));
  await settle();
  release();
  await first;
  await settle();
  release();
  const outcomes = await Promise.all(rest);
  t.same(sizes.slice(1), [1, 5]);
  t.same(
    outcomes.map((outcome) => outcome.seq),
    [4, 5, 6, 7, 8],
  );
  t.same(
    commits.map((commit) => [commit.lastSeq, commit.jobs.size]),
    [
      [3, 1],
      [8, 5],
    ],
  );
  await engine.close();
});

t.test('a group is bounded in commands and in bytes', async (t) => {
  const { engine, release, sizes } = await openGated();
  const gate = engine.submit(createJob('gate'), context);
  await settle();
  const jobs = Array.from({ length: BATCH_COMMANDS_MAX + 1 }, (_, index) =>
    engine.submit(createJob(index), context),
  );
  const spec = aJobSpec({ waitForHosts: true, command: { kind: 'shell', line: 'x'.repeat(60_000) } });
  const large = Array.from({ length: 20 }, (_, index) =>
    engine.submit(createJob(`large${index}`, { spec }), context),
  );
  for (let round = 0; round < 6; round++) {
    await settle();
    release();
  }
  await Promise.all([gate, ...jobs, ...large]);
  const [, one, full, ...rest] = sizes;
  t.equal(one, 1);
  t.equal(full, BATCH_COMMANDS_MAX, 'commands');
  t.equal(rest[0], 1 + Math.ceil(BATCH_BYTES_MAX / 60_500), 'bytes');
  await engine.close();
});

t.test('a refusal changes nothing and stops nobody', async (t) => {
  const { engine } = await openTestEngine();
  const bad = engine.submit({ type: 'delete-project', project: 'nope' }, context);
  const good = engine.submit(createJob(1), context);
  await t.rejects(bad, { kind: 'not-found', code: 'PROJECT_NOT_FOUND', hint: /projects list/ });
  t.match(await good, { subject: 'job_1', seq: 3, replayed: false });
  await engine.close();
});

t.test('a command that changes nothing still answers', async (t) => {
  const { engine } = await openTestEngine();
  await engine.submit(registerHost(), context);
  t.match(await engine.submit(registerHost(), context), { seq: 3, subject: 'host_1' });
  await engine.close();
});

t.test('a repeated request gives the first answer, also after a restart', async (t) => {
  const disk = createMemoryDisk();
  const request = { requestId: 'r', contentHash: 'h' };
  const first = await openTestEngine(createMemoryLog(disk));
  await first.engine.submit(createJob(1, { request }), context);
  t.match(await first.engine.submit(createJob(2, { request }), context), {
    subject: 'job_1',
    replayed: true,
  });
  await first.engine.close();
  const second = await openTestEngine(createMemoryLog(disk));
  t.equal(second.engine.epoch, 2);
  t.match(await second.engine.submit(createJob(3, { request }), context), {
    subject: 'job_1',
    replayed: true,
  });
  await second.engine.close();
});

t.test('rows and events say the same, and a restart finds the same state', async (t) => {
  const disk = createMemoryDisk();
  const { engine } = await openTestEngine(createMemoryLog(disk));
  await engine.submit(registerHost(), context);
  await Promise.all(Array.from({ length: 20 }, (_, index) => engine.submit(createJob(index), context)));
  await engine.submit({ type: 'stop-job', project: 'default', job: 'job_3' }, context);
  await engine.submit({ type: 'delete-job', project: 'default', job: 'job_3' }, context);
  await engine.close();
  const log = createMemoryLog(disk);
  t.equal(stateHash(await loadState(log)), stateHash(await foldEvents(log)));
});

t.test('the sealed value lies beside the state and goes with its secret', async (t) => {
  const { engine } = await openTestEngine();
  const id = secretId('1');
  const sealed = await engine.sealer.seal(id, Buffer.from('hunter2'));
  await engine.submit({ type: 'set-secret', project: '', secret: { id, name: 'A', sealed } }, context);
  const stored = await engine.sealedSecret(id);
  t.equal(Buffer.from(await engine.sealer.open(id, stored!)).toString(), 'hunter2');
  t.notMatch(JSON.stringify(await engine.events(0, 100)), 'hunter2');
  await engine.submit({ type: 'delete-secret', project: '', name: 'A' }, context);
  t.equal(await engine.sealedSecret(id), undefined);
  await engine.close();
});

t.test('a failed append poisons the engine: everything fails and the process is told once', async (t) => {
  const inner = createMemoryLog();
  const state = new ClusterState();
  const fatal: ClusterError[] = [];
  const engine = new GroupCommitEngine(state, createFailingLog(inner), {
    epoch: 0,
    chainHash: '0'.repeat(64),
    onFatal: (error) => fatal.push(error),
  });
  const found = engine.submit({ type: 'found-cluster', clusterId: 'c', projectId: projectId('1') }, context);
  const read = new Promise((resolve) => setImmediate(resolve)).then(() =>
    engine.read((view) => view.headSeq),
  );
  await t.rejects(found, { kind: 'unavailable', code: 'STORE_FAILED', hint: /same request id/ });
  await t.rejects(read, { code: 'STORE_FAILED' });
  await t.rejects(engine.submit(createJob(1), context), { code: 'STORE_FAILED' });
  await t.rejects(engine.events(0, 1), { code: 'STORE_FAILED' });
  await t.rejects(engine.sealedSecret(secretId('1')), { code: 'STORE_FAILED' });
  t.equal(fatal.length, 1);
  await engine.close();
});

t.test('a crash at any append loses nothing that was answered', async (t) => {
  for (const kept of [false, true]) {
    for (let atAppend = 2; atAppend < 8; atAppend++) {
      const { log, disk } = createCrashingLog(atAppend, kept);
      const { engine, fatal } = await openTestEngine(log);
      const answered: string[] = [];
      for (let index = 0; index < 10; index++) {
        await engine.submit(createJob(index), context).then(
          ({ subject }) => answered.push(subject),
          () => undefined,
        );
      }
      t.equal(fatal.length, 1);
      t.equal(answered.length, atAppend - 2, 'the founding was the first append');
      const again = await openTestEngine(createMemoryLog(disk));
      const found = await again.engine.read((view) => [...view.jobs()].map((job) => job.id as string));
      t.same(found.slice(0, answered.length), answered);
      t.equal(
        found.length,
        answered.length + (kept ? 1 : 0),
        'the batch in doubt is there whole or not at all',
      );
      await again.engine.close();
    }
  }
});

t.test('a newer leader fences the engine out', async (t) => {
  const disk = createMemoryDisk();
  const { engine, fatal } = await openTestEngine(createMemoryLog(disk));
  await createMemoryLog(disk).acquireLeadership();
  await t.rejects(engine.submit(createJob(1), context), { code: 'FENCED' });
  t.match(fatal, [{ kind: 'conflict', code: 'FENCED' }]);
});

t.test('a listener that throws ends the process, but the answer was true', async (t) => {
  const { engine, fatal } = await openTestEngine();
  engine.onCommit(() => {
    throw new Error('boom');
  });
  t.match(await engine.submit(createJob(1), context), { subject: 'job_1' });
  await settle();
  t.match(fatal, [{ kind: 'bug', code: 'ENGINE_FAILED' }]);
});

t.test('the queue is bounded, and closing finishes what was taken', async (t) => {
  const { engine, release } = await openGated();
  const gate = engine.submit(createJob('gate'), context);
  await settle();
  const waiting = Array.from({ length: COMMANDS_QUEUED_MAX }, () =>
    engine
      .submit({ type: 'delete-project', project: 'nope' }, context)
      .catch((error: ClusterError) => error.code),
  );
  await t.rejects(engine.submit(createJob('over'), context), {
    kind: 'quota',
    code: 'OVERLOADED',
    retryAfterMs: 100,
  });
  const closed = engine.close();
  await t.rejects(engine.submit(createJob('late'), context), { kind: 'unavailable', code: 'CLOSING' });
  await t.rejects(
    engine.read(() => 1),
    { code: 'CLOSING' },
  );
  release();
  t.match(await gate, { subject: 'job_gate' });
  t.same(new Set(await Promise.all(waiting)), new Set(['PROJECT_NOT_FOUND']));
  await closed;
  t.equal(engine.close(), engine.close(), 'closing twice is closing once');
});

t.test('the answers of a group go out in turns, before its events', async (t) => {
  const log = createMemoryLog();
  const options = {
    epoch: await log.acquireLeadership(),
    chainHash: '0'.repeat(64),
    onFatal: () => undefined,
  };
  const engine = new GroupCommitEngine(new ClusterState(), log, options);
  await engine.submit({ type: 'found-cluster', clusterId: 'c', projectId: projectId('1') }, context);
  const seen: string[] = [];
  engine.onCommit(({ events }) => void seen.push(`${events.length} events`));
  const all = Array.from({ length: 40 }, (_, index) => engine.submit(createJob(index), context));
  const answered = all.map((answer, index) => answer.then(() => void seen.push(`answer ${index}`)));
  await all[0];
  // What was answered first is read, and written to its caller, while others still wait for theirs.
  await engine.read((view) => view.headSeq);
  t.ok(seen.length < 40, `${seen.length} of 40 were answered in the first turn`);
  await Promise.all(answered);
  await eventually(() => seen.at(-1)?.endsWith('events') === true);
  t.equal(seen.filter((text) => text.startsWith('answer')).length, 40);
  await engine.close();
});

t.test('old events are pruned, and asking for them says so', async (t) => {
  const disk = createMemoryDisk();
  const log = createMemoryLog(disk);
  const options = { epoch: await log.acquireLeadership(), chainHash: '0'.repeat(64), eventsKeptMax: 10 };
  const engine = new GroupCommitEngine(new ClusterState(), log, { ...options, onFatal: () => undefined });
  await engine.submit({ type: 'found-cluster', clusterId: 'c', projectId: projectId('1') }, context);
  for (let index = 0; index < 20; index++) await engine.submit(createJob(index), context);
  // Pruning comes after the answer.
  await eventually(() => disk.entries.size <= 11);
  await t.rejects(engine.events(0, 10), { kind: 'gone', code: 'EVENTS_PRUNED' });
  t.equal((await engine.events(20, 100)).length, 2);
  await engine.close();
  t.equal((await loadState(createMemoryLog(disk))).jobCount, 20, 'rows do not need the old events');
  await t.rejects(foldEvents(createMemoryLog(disk)), { code: 'EVENTS_PRUNED' });
});

t.test('a full disk refuses writes while reads go on, and lets them in again', async (t) => {
  let objection: ClusterError | undefined = new ClusterError('unavailable', 'DISK_FULL', 'the disk is full');
  const log = createMemoryLog();
  const options = {
    epoch: await log.acquireLeadership(),
    chainHash: '0'.repeat(64),
    onFatal: () => undefined,
  };
  const engine = new GroupCommitEngine(new ClusterState(), log, {
    ...options,
    guard: { objection: () => objection },
  });
  const found = { type: 'found-cluster', clusterId: 'c', projectId: projectId('1') } as const;
  await t.rejects(engine.submit(found, context), { code: 'DISK_FULL' });
  t.equal(await engine.read((view) => view.headSeq), 0);
  objection = undefined;
  await engine.submit(found, context);
  await engine.close();
});

t.test('who was followed by another leader does not lead, and says so whenever it is asked', async (t) => {
  const disk = createMemoryDisk();
  const { engine } = await openTestEngine(createMemoryLog(disk));
  t.equal(await engine.stillLeads(), true);
  await createMemoryLog(disk).acquireLeadership();
  t.equal(await engine.stillLeads(), false);
  await engine.close();
  t.equal(await engine.stillLeads(), false, 'nor does a closed one');
});

t.test('refused writes stay refused, for the first reason, while reads go on', async (t) => {
  const { engine } = await openTestEngine();
  await engine.submit(createJob(1), context);
  t.equal(engine.writesRefused, undefined);
  engine.refuseWrites(new ClusterError('corrupt', 'CONTROLLER_BEHIND', 'behind'));
  engine.refuseWrites(new ClusterError('corrupt', 'ANOTHER', 'another'));
  await t.rejects(engine.submit(createJob(2), context), { code: 'CONTROLLER_BEHIND' });
  t.match(engine.writesRefused, { code: 'CONTROLLER_BEHIND' });
  const revoke = { type: 'revoke-host', host: 'host_9', reason: 'lies' } as const;
  await t.rejects(engine.submit(revoke, context), { code: 'HOST_NOT_FOUND' }, 'who lies is still turned out');
  t.match(await engine.read((view) => view.job(jobId(1))), { state: 'queued' });
  await engine.close();
});
