/**
 * Aim: every stored event can be shown. Method: run a world through every kind of event and look at each record.
 */
import t from 'tap';
import { describeEvent } from '../../../../controller/core/describe-event.ts';
import { aCapacity, anExit, anInventory, projectId, secretId } from '../../../kit/builders.ts';
import { World } from '../../../kit/stores-world.ts';

function richWorld(): World {
  const world = new World();
  world.addHost();
  world.addHost({ inventory: anInventory({ labels: { a: 'b' } }) });
  world.run({ type: 'create-project', id: projectId('2'), name: 'two', description: '', tags: [] });
  world.run({ type: 'update-project', project: 'two', description: 'x', addTags: [], removeTags: [] });
  const secret = { id: secretId('1'), name: 'A', sealed: new Uint8Array([1]) };
  world.run({ type: 'set-secret', project: '', secret });
  world.run({ type: 'set-secret', project: 'two', secret: { ...secret, id: secretId('2') } });
  world.run({ type: 'delete-secret', project: '', name: 'A' });
  world.run({ type: 'delete-project', project: 'two' });
  world.run({ type: 'create-machine-type', name: 'big', capacity: aCapacity(), description: '' });
  world.run({ type: 'alias-machine-type', name: 'big', alias: 'huge', remove: false });
  world.run({ type: 'delete-machine-type', name: 'big' });
  const id = world.addJob({ retries: 1 });
  const exit = anExit({ code: 1, verdict: 'user-code' });
  world.run({ type: 'tag-job', project: 'default', job: id, add: ['a'], remove: [] });
  world.place();
  world.observe(id, { phase: 'accepted' });
  world.observe(id, { phase: 'preparing', progress: 'unpacking' });
  world.observe(id, { phase: 'preparing', progress: '' });
  world.observe(id, { phase: 'running' });
  world.observe(id, { phase: 'exited', exit, stopped: true, logArchived: true });
  world.nowMs += 10_000;
  world.place();
  world.observe(id, { phase: 'running' });
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.observe(id, { phase: 'finalizing', exit, stopped: true });
  world.report(world.job(id).attempts[1]!.hostId, [], { complete: true, bootId: 'boot-2' });
  world.run({ type: 'retry-job', project: 'default', job: id });
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.run({ type: 'delete-job', project: 'default', job: id });
  return world;
}

t.test('every event has a subject, a sentence and text fields', async (t) => {
  const { log } = richWorld();
  t.equal(new Set(log.map(({ event }) => event.type)).size, 30, 'every type of event was made');
  for (const stamped of log) {
    const record = describeEvent(stamped);
    t.match(record, { seq: stamped.seq, type: stamped.event.type, subject: /.+/, message: /^[a-z].*[^.]$/ });
    for (const value of Object.values(record.fields)) t.type(value, 'string');
  }
});

t.test('events of a project say so, those of the cluster do not', async (t) => {
  const records = richWorld().log.map((stamped) => describeEvent(stamped));
  t.equal(records.find((record) => record.type === 'job-queued')?.projectId, 'prj_default');
  t.notOk(Object.hasOwn(records.find((record) => record.type === 'host-registered')!, 'projectId'));
});
