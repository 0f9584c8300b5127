/** Aim: a plan names every mount and resolves every reference, with and without a mount view. */
import t from 'tap';
import { toLayout, toTaskFolders } from '../../../../agent/core/layout.ts';
import { secretText, toTaskPlan } from '../../../../agent/core/task-plan.ts';
import { toRecord } from '../../../../agent/core/task-record.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, hostId, secretId } from '../../../kit/builders.ts';

const folders = toTaskFolders(toLayout('/d'), aTaskKey());

function plan(mountView: boolean, job = aJobSpec(), secretValues = new Map<string, Uint8Array>()) {
  return toTaskPlan({
    record: toRecord(aDesiredTask(), 4),
    spec: aTaskSpec({ job }),
    clusterId: 'c',
    hostId: hostId('1'),
    folders,
    storageFolder: '/d/storage/prj_1',
    mountView,
    secretValues,
  }).plan;
}

t.test('mounts of a view', async (t) => {
  const targets = plan(true).mounts.map(({ target, readOnly }) => `${target} ${readOnly ? 'ro' : 'rw'}`);
  t.same(targets, [
    '/workspace rw',
    '/paperspace rw',
    '/artifacts rw',
    '/storage rw',
    '/run/nabla rw',
    '/generated ro',
  ]);
  t.equal(plan(true).workingDirectory, '/workspace');
});

t.test('no mounts without a view', async (t) => {
  t.same(plan(false).mounts, []);
  t.equal(plan(false).workingDirectory, folders.workspace);
});

t.test('identity and epoch are on the plan for labels', async (t) => {
  t.match(plan(true), {
    clusterId: 'c',
    hostId: 'host_1',
    epoch: 4,
    generation: 1,
    specHash: 'a'.repeat(64),
  });
});

t.test('a registry login carries its password, or the plan is refused', async (t) => {
  const registry = { url: 'registry.example', username: 'me', secretId: secretId('9') };
  const job = { ...aJobSpec(), registry };
  const login = plan(true, job, new Map([['sec_9', Buffer.from('pw')]])).registry;
  t.same(login, { url: 'registry.example', username: 'me', password: 'pw' });
  t.throws(() => plan(true, job), { code: 'SECRET_MISSING' });
  t.throws(() => secretText(undefined, new Map()), { code: 'SECRET_MISSING' });
});
