/** Aim: orders mean one job or a whole array, within the project that is named. Method: lookups in a world. */
import t from 'tap';
import { requireJobIn, requireTargets } from '../../../../../controller/core/job/targets.ts';
import { LOOKUP_MATCHES_MAX } from '../../../../../controller/core/limits.ts';
import type { ArrayId } from '../../../../../proto/domain/ids.ts';
import { jobId, projectId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('a job, an array by its id or the beginning of it, and neither', async (t) => {
  const world = new World();
  world.addHost();
  const ids = world.addArray([3, 4]);
  const { arrayId } = world.job(ids[0]!).spec.array!;
  const find = (job: string, project = 'default') => requireTargets(world.state, { project, job });
  t.match(find(ids[1]!), { ok: true, record: { jobs: [{ id: ids[1] }], isArray: false } });
  for (const ref of [arrayId, arrayId.slice(0, -1)]) {
    t.match(find(ref), { record: { jobs: [{ id: ids[0] }, { id: ids[1] }], isArray: true } });
  }
  t.match(find('arr_nope'), { ok: false, error: { code: 'ARRAY_NOT_FOUND' } });
  t.match(requireJobIn(world.state, { project: 'default', job: arrayId }), {
    error: { code: 'JOB_NOT_FOUND' },
  });
});

t.test('an array of another project does not exist', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-project', id: projectId('other'), name: 'other', description: '', tags: [] });
  const [id] = world.addArray([0]);
  const { arrayId } = world.job(id!).spec.array!;
  const found = requireTargets(world.state, { project: 'other', job: arrayId });
  t.match(found, { ok: false, error: { kind: 'not-found', code: 'ARRAY_NOT_FOUND' } });
});

t.test('arrays of other projects do not crowd those of a project out of a lookup', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-project', id: projectId('other'), name: 'other', description: '', tags: [] });
  for (let count = 0; count <= LOOKUP_MATCHES_MAX; count += 1) world.addArray([0]);
  const [id, arrayId] = [jobId('z'), 'arr_job_z' as ArrayId];
  const array = { id: arrayId, elements: [{ id, index: 0 }], concurrency: 0 };
  world.run({ type: 'create-job', id, project: 'other', spec: world.spec(), secrets: [], array });
  t.match(requireTargets(world.state, { project: 'other', job: 'arr_' }), { record: { jobs: [{ id }] } });
});
