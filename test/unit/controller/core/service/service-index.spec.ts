/**
 * Aim: what is learned moves scores the right way and by the right levels. Method: a history taught a few lengths, then
 * compared scores; nothing is asserted about absolute values.
 */
import t from 'tap';
import {
  emptyServiceHistory,
  foldService,
  type ServiceHistory,
} from '../../../../../controller/core/service/service-history.ts';
import { createServiceIndex } from '../../../../../controller/core/service/service-index.ts';
import { DEFAULT_SERVICE_PARAMETERS as parameters } from '../../../../../controller/core/service/service-parameters.ts';

const HOUR_MS = 3_600_000;

function teach(history: ServiceHistory, gpus: number, group: string, toMs: number, times: number): void {
  for (let time = 0; time < times; time += 1) {
    foldService(history, { gpuMilli: gpus * 1_000, group, fromMs: 0, toMs, ended: true }, parameters);
  }
}

t.test('with nothing learned, fresh and small jobs are worth more', async (t) => {
  const index = createServiceIndex(emptyServiceHistory(parameters), parameters);
  const one = { gpuMilli: 1_000, group: 'a' };
  t.ok(index.scoreOf(one, 0) > index.scoreOf(one, HOUR_MS));
  const eight = index.scoreOf({ ...one, gpuMilli: 8_000 }, 0);
  t.equal(index.scoreOf(one, 0), 8 ** parameters.sizeExponent * eight, 'per damped GPU');
  t.ok(index.scoreOf(one, 1e15) > 0, 'never nothing');
});

t.test('a group known to be short goes first, one known to be long goes last', async (t) => {
  const history = emptyServiceHistory(parameters);
  const index = createServiceIndex(history, parameters);
  teach(history, 1, 'short', 60_000, 3);
  teach(history, 1, 'long', 100 * HOUR_MS, 3);
  const scores = ['short', 'unknown', 'long'].map((group) => index.scoreOf({ gpuMilli: 1_000, group }, 0));
  t.ok((scores[0] as number) > (scores[1] as number));
  t.ok((scores[1] as number) > (scores[2] as number));
});

t.test('the group-blind score does not see the group', async (t) => {
  const history = emptyServiceHistory(parameters);
  const index = createServiceIndex(history, parameters);
  teach(history, 1, 'long', 100 * HOUR_MS, 3);
  const long = { gpuMilli: 1_000, group: 'long' };
  t.equal(
    index.groupBlindScoreOf(long, 0),
    index.groupBlindScoreOf({ gpuMilli: 1_000, group: 'unknown' }, 0),
  );
  t.ok(index.scoreOf(long, 0) < index.groupBlindScoreOf(long, 0));
});

t.test('a size class lends to groups of its size only in so far as its own jobs differ', async (t) => {
  const history = emptyServiceHistory(parameters);
  const index = createServiceIndex(history, parameters);
  teach(history, 8, 'a', 60_000, 200);
  const eight = index.scoreOf({ gpuMilli: 8_000, group: 'new' }, 0) * 8 ** parameters.sizeExponent;
  const one = index.scoreOf({ gpuMilli: 1_000, group: 'new' }, 0);
  t.ok(eight > one, 'per job the size that was seen to be short is worth more');
});

t.test('scores follow the history without being told', async (t) => {
  const history = emptyServiceHistory(parameters);
  const index = createServiceIndex(history, parameters);
  const keys = { gpuMilli: 1_000, group: 'a' };
  const before = index.scoreOf(keys, 0);
  teach(history, 1, 'a', 20_000, 5);
  t.ok(index.scoreOf(keys, 0) > before);
  t.equal(
    index.scoreOf(keys, 0),
    createServiceIndex(history, parameters).scoreOf(keys, 0),
    'the cache changes no result',
  );
});
