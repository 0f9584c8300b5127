/** Aim: where the planner is silent there is a rough start, or a plain reason why there is none. Method: small clusters. */
import t from 'tap';
import { judgeHosts } from '../../../../../controller/core/explain/host-groups.ts';
import { forecastStart, whyUnknown } from '../../../../../controller/core/explain/start-forecast.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { askInput } from '../../../../kit/explained.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;

function forecast({ world }: PlannedWorld, id: JobId) {
  const input = askInput(world);
  const job = world.job(id);
  const judged = judgeHosts(input, job);
  return { estimate: forecastStart(input, job, world.state.queuePosition(id), judged), judged, job };
}

t.test('as running work ends, in the order of the queue', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(2);
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.job(1, { timeLimitMs: 3 * HOUR_MS });
  planned.step();
  const { nowMs } = planned.world;
  const first = planned.job(1, { timeLimitMs: 5 * HOUR_MS });
  const second = planned.job(1, { timeLimitMs: 5 * HOUR_MS });
  t.equal(forecast(planned, first).estimate?.startMs, nowMs + HOUR_MS);
  t.equal(forecast(planned, second).estimate?.startMs, nowMs + 3 * HOUR_MS);
});

t.test('GPUs and rivals of models that are not asked for do not count', async (t) => {
  const planned = new PlannedWorld();
  for (const [name, model] of [
    ['h', 'NVIDIA H100 80GB HBM3'],
    ['a', 'NVIDIA A100-SXM4-80GB'],
  ] as const) {
    const inventory = anInventory({ gpus: someGpus(1, { host: name, model }) });
    planned.world.addHost({ id: hostId(name), name, inventory });
  }
  const wants = (model: string) => ({ resources: { gpuMilli: 1000, gpuModels: [model] } });
  planned.job(1, { ...wants('H100'), timeLimitMs: 2 * HOUR_MS });
  planned.job(1, { ...wants('A100'), timeLimitMs: HOUR_MS });
  planned.step();
  const { nowMs } = planned.world;
  planned.job(1, wants('A100'));
  const waiting = planned.job(1, wants('H100'));
  t.equal(forecast(planned, waiting).estimate?.startMs, nowMs + 2 * HOUR_MS);
});

t.test('nothing is said where a pool of GPUs cannot tell', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(2);
  planned.job(1);
  planned.step();
  const free = forecast(planned, planned.job(1));
  t.equal(free.estimate, undefined, 'as a pool there is room now');
  t.match(whyUnknown('NO_FREE_GPU', free.job, free.judged), 'not foretold');
  const large = forecast(planned, planned.job(8));
  t.equal(large.estimate, undefined);
  t.match(whyUnknown('TOO_FEW_GPUS', large.job, large.judged), 'no host could hold it');
  const plain = forecast(planned, planned.world.addJob({}));
  t.equal(plain.estimate, undefined);
  t.match(whyUnknown('NO_FREE_CPU', plain.job, plain.judged), 'work without GPUs');
  t.match(whyUnknown('HELD', plain.job, plain.judged), 'is held');
  t.match(whyUnknown('NO_FREE_GPU', plain.job, []), 'no hosts');
});
