/**
 * Aim: however many rely on a job that failed, all of them end, also when the controller stopped in between. Method: a
 * memory engine with more dependents than one decision ends.
 */
import t, { type Test } from 'tap';
import { DEPENDENTS_ENDED_MAX } from '../../../../controller/core/limits.ts';
import { createDependentEnds } from '../../../../controller/effects/dependent-ends.ts';
import { openEngine } from '../../../../controller/store/open-engine.ts';
import type { ArrayId, JobId, ProjectId } from '../../../../proto/domain/ids.ts';
import { createIdSource } from '../../../../proto/runtime/id-source.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { aJobSpec, aPrincipal } from '../../../kit/builders.ts';
import { eventually } from '../../../kit/eventually.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const COUNT = DEPENDENTS_ENDED_MAX * 2 + 1;

async function openWorld(t: Test) {
  const clock = createSimClock();
  const ids = createIdSource(clock);
  const onFatal = () => undefined;
  const engine = await openEngine({ folder: 'memory', clock, ids, logger: SILENT_LOGGER, onFatal });
  t.teardown(() => engine.close());
  const context = { principal: aPrincipal, nowMs: clock.nowMs() };
  const project = ids.mint('project') as ProjectId;
  await engine.submit({ type: 'create-project', id: project, name: 'p', description: '', tags: [] }, context);
  const first = ids.mint('job') as JobId;
  const create = { type: 'create-job', project: 'p', secrets: [] } as const;
  await engine.submit({ ...create, id: first, spec: aJobSpec({ waitForHosts: true }) }, context);
  const spec = aJobSpec({ waitForHosts: true, after: [{ on: first, when: 'ok' }] });
  const elements = Array.from({ length: COUNT }, (_, index) => ({ id: ids.mint('job') as JobId, index }));
  const array = { id: ids.mint('array') as ArrayId, elements, concurrency: 0 };
  await engine.submit({ ...create, id: elements[0]!.id, spec, array }, context);
  const stopFirst = () => engine.submit({ type: 'stop-job', project: 'p', job: first }, context);
  const countWaiting = () => engine.read((view) => view.waitingCount);
  return { clock, engine, stopFirst, countWaiting };
}

t.test('all end, step by step', async (t) => {
  const { clock, engine, stopFirst, countWaiting } = await openWorld(t);
  const ends = createDependentEnds({ engine, clock, logger: SILENT_LOGGER });
  await stopFirst();
  await eventually(async () => (await countWaiting()) === 0);
  await ends.close();
});

t.test('what a stop of the controller left is taken up at the next start', async (t) => {
  const { clock, engine, stopFirst, countWaiting } = await openWorld(t);
  await stopFirst();
  t.equal(await countWaiting(), COUNT - DEPENDENTS_ENDED_MAX);
  const ends = createDependentEnds({ engine, clock, logger: SILENT_LOGGER });
  await ends.look();
  t.equal(await countWaiting(), 0);
  await ends.close();
});
