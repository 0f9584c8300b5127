/**
 * Aim: blobs go when their records go, at once or at the next start, and nothing else goes. Method: a memory engine and
 * a store that only keeps names.
 */
import t from 'tap';
import { createBlobSweeper } from '../../../../controller/effects/blob-sweeper.ts';
import { openEngine } from '../../../../controller/store/open-engine.ts';
import type { JobId, ProjectId } from '../../../../proto/domain/ids.ts';
import { createIdSource } from '../../../../proto/runtime/id-source.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { aJobSpec, aPrincipal } from '../../../kit/builders.ts';
import { eventually } from '../../../kit/eventually.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

t.test('deleted jobs and projects lose their blobs, others keep them', async (t) => {
  const clock = createSimClock();
  const ids = createIdSource(clock);
  const engine = await openEngine({
    folder: 'memory',
    clock,
    ids,
    logger: SILENT_LOGGER,
    onFatal: () => undefined,
  });
  t.teardown(() => engine.close());
  const context = { principal: aPrincipal, nowMs: clock.nowMs() };
  const projectId = ids.mint('project') as ProjectId;
  await engine.submit(
    { type: 'create-project', id: projectId, name: 'p', description: '', tags: [] },
    context,
  );
  const jobs = await Promise.all(
    [0, 1].map(async () => {
      const id = ids.mint('job') as JobId;
      const spec = aJobSpec({ waitForHosts: true });
      await engine.submit({ type: 'create-job', id, project: 'p', spec, secrets: [] }, context);
      return id;
    }),
  );
  const held = new Map<string, Set<string>>([
    [projectId, new Set<string>([...jobs, 'job_orphan'])],
    ['prj_orphan', new Set(['job_x'])],
  ]);
  const sweeper = createBlobSweeper({
    engine,
    logger: SILENT_LOGGER,
    blobs: {
      removeProject: async (id) => held.delete(id),
      removeJob: async (id, job) => held.get(id)?.delete(job),
      listProjects: async () => [...held.keys()],
      listJobs: async (id) => [...(held.get(id) ?? [])],
    },
  });
  await sweeper.sweep();
  t.same([...held.keys()], [projectId], 'what a crash left goes at start');
  t.same([...(held.get(projectId) ?? [])], jobs);
  for (const job of jobs) {
    await engine.submit({ type: 'stop-job', project: 'p', job }, context);
    await engine.submit({ type: 'delete-job', project: 'p', job }, context);
  }
  await eventually(() => held.get(projectId)?.size === 0);
  await engine.submit({ type: 'delete-project', project: 'p' }, context);
  await eventually(() => held.size === 0);
  await sweeper.close();
});
