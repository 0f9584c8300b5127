/** Aim: nobody learns more of a hidden project's jobs than how many there are. Method: a queue seen in part. */
import t from 'tap';
import { JOBS_NAMED_MAX } from '../../../../../controller/core/explain/explain-limits.ts';
import { veilAhead, veilJobs } from '../../../../../controller/core/explain/veiled-jobs.ts';
import { jobId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('named, counted, hidden', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const ids = Array.from({ length: JOBS_NAMED_MAX + 4 }, () => world.addJob({}));
  const all = veilJobs(world.state, ids, () => true);
  t.same(all, { jobIds: ids.slice(0, JOBS_NAMED_MAX), visibleCount: ids.length, hiddenCount: 0 });
  t.same(
    veilJobs(world.state, ids, () => false),
    { jobIds: [], visibleCount: 0, hiddenCount: ids.length },
  );
  t.match(
    veilJobs(world.state, [jobId('gone')], () => true),
    { visibleCount: 0, hiddenCount: 1 },
  );
  const seen = ids[1]!;
  t.same(
    veilAhead(world.state, 4, ({ id }) => id === seen),
    { jobIds: [seen], visibleCount: 1, hiddenCount: 2 },
  );
  t.match(
    veilAhead(world.state, 1, () => true),
    { visibleCount: 0, hiddenCount: 0 },
  );
  t.match(
    veilAhead(world.state, 0, () => true),
    { visibleCount: 0, hiddenCount: 0 },
  );
});
