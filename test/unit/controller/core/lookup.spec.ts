/** Aim: what people type finds one record or says why not. Method: a world with near-namesakes. */
import t from 'tap';
import {
  requireHost,
  requireJob,
  requireMachineType,
  requireProject,
} from '../../../../controller/core/lookup.ts';
import { hostId, projectId } from '../../../kit/builders.ts';
import { World } from '../../../kit/stores-world.ts';

function setUp(): World {
  const world = new World();
  world.addHost({ id: hostId('aa1'), name: 'gpu-1' });
  world.addHost({ id: hostId('aa2'), name: 'twin' });
  world.addHost({ id: hostId('ab3'), name: 'twin' });
  return world;
}

t.test('by id, name and beginning of the id', async (t) => {
  const { state } = setUp();
  for (const ref of ['host_aa1', 'gpu-1', 'aa1'])
    t.match(requireHost(state, ref), { record: { id: 'host_aa1' } }, ref);
  t.match(requireHost(state, 'host_ab'), { record: { id: 'host_ab3' } });
  t.match(requireProject(state, 'default'), { record: { id: 'prj_default' } });
});

t.test('what is not there, or not one, is refused with the noun', async (t) => {
  const { state } = setUp();
  t.match(requireHost(state, 'nope'), { error: { kind: 'not-found', code: 'HOST_NOT_FOUND' } });
  t.match(requireHost(state, ''), { error: { code: 'HOST_NOT_FOUND' } });
  t.match(requireHost(state, 'host_aa'), {
    error: { kind: 'invalid', code: 'HOST_AMBIGUOUS', hint: /host_aa1, host_aa2/ },
  });
  t.match(requireHost(state, 'twin'), { error: { code: 'HOST_AMBIGUOUS' } });
  t.match(requireProject(state, 'x'), { error: { code: 'PROJECT_NOT_FOUND' } });
  t.match(requireJob(state, projectId('default'), 'x'), { error: { code: 'JOB_NOT_FOUND' } });
  t.match(requireMachineType(state, 'x'), {
    error: { code: 'MACHINE_TYPE_NOT_FOUND', message: 'there is no such machine type' },
  });
});

t.test('a job of another project is not there', async (t) => {
  const world = setUp();
  const id = world.addJob();
  t.match(requireJob(world.state, projectId('other'), id), { error: { code: 'JOB_NOT_FOUND' } });
});
