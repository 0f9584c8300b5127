/** Aim: what projects hold beside their quotas, as one caller may see it. Method: two projects and a quota. */
import t from 'tap';
import { sumProjects } from '../../../../../controller/core/explain/project-loads.ts';
import type { ProjectId } from '../../../../../proto/domain/ids.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

t.test('holders and owners of a quota by name, the idle left out, the hidden in one sum', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(4);
  for (const name of ['idle', 'lab']) {
    world.run({ type: 'create-project', id: `prj_${name}` as ProjectId, name, description: '', tags: [] });
  }
  const shares = [{ resource: 'gpu' as const, guaranteed: 1000, limit: 3000 }];
  world.run({ type: 'set-quota', name: 'lab', kind: 'project', shares, removeShares: [] });
  planned.job(2);
  planned.step();
  t.same(
    sumProjects(world.state, () => true),
    {
      projects: [
        { projectId: world.defaultProject, projectName: 'default', running: 1, gpuMilli: 2000 },
        {
          projectId: 'prj_lab',
          projectName: 'lab',
          running: 0,
          gpuMilli: 0,
          guaranteedGpuMilli: 1000,
          limitGpuMilli: 3000,
        },
      ],
      projectsLeftOut: 0,
    },
  );
  t.same(sumProjects(world.state, (id) => id === 'prj_lab').projects.at(-1), {
    projectName: '',
    running: 1,
    gpuMilli: 2000,
  });
  t.same(sumProjects(world.state, (id) => id !== world.defaultProject && id !== 'prj_lab').projects, [
    { projectName: '', running: 1, gpuMilli: 2000 },
  ]);
});
