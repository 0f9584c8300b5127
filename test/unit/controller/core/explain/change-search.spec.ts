/**
 * Aim: only changes that an answer confirmed are told, the smallest that gains as much, in few questions and within a
 * bound. Method: scripted ladders and answers.
 */
import t from 'tap';
import type { Answer } from '../../../../../controller/core/explain/ask-planner.ts';
import { ChangeSearch } from '../../../../../controller/core/explain/change-search.ts';
import type { Ladder } from '../../../../../controller/core/explain/ladder.ts';
import type { ChangeKind } from '../../../../../proto/domain/explain-views.ts';
import type { Job } from '../../../../../proto/domain/job.ts';
import { aJob, T0_MS } from '../../../../kit/builders.ts';

const HOUR_MS = 3_600_000;
const placement = { jobId: aJob().id, attempt: 1, hostId: 'host_1', gpuUuids: [], driver: 'docker' };
const now = { placement, code: 'STARTS_NOW', message: '', victims: [] } as unknown as Answer;
const after = (hours: number): Answer => ({
  code: 'NO_FREE_GPU',
  message: '',
  victims: [],
  estimate: { startMs: T0_MS + hours * HOUR_MS, basis: 'by the time limits of what runs' },
});
const never: Answer = { code: 'NO_FREE_GPU', message: '', victims: [] };

/** Rungs 1 to `count`; each stands for a job of that priority. */
const ladder = (kind: ChangeKind, count: number): Ladder => ({
  kind,
  inPlace: false,
  rungs: Array.from({ length: count }, (_, at) => ({
    flags: `--${kind} ${at + 1}`,
    message: '',
    job: aJob({ spec: { ...aJob().spec, priority: at + 1 } }),
  })),
});

function run(search: ChangeSearch, answer: (rung: number) => Answer): readonly number[] {
  const asked: number[] = [];
  const questions = search.questions();
  for (let step = questions.next(); step.done !== true; ) {
    const rung = (step.value as Job).spec.priority;
    asked.push(rung);
    step = questions.next(answer(rung));
  }
  return asked;
}

t.test('the smallest change that starts now, in a logarithm of questions', async (t) => {
  const search = new ChangeSearch([ladder('gpus', 16)], after(9));
  const asked = run(search, (rung) => (rung >= 11 ? now : after(5)));
  t.match(search.changes, [{ flags: '--gpus 11', startsNow: true }]);
  t.notOk('estimate' in search.changes[0]!);
  t.ok(asked.length <= 5, asked.join(' '));
  t.equal(search.plans, asked.length);
});

t.test('where none starts now, the smallest that is sooner by a minute at least', async (t) => {
  const search = new ChangeSearch([ladder('gpus', 8)], after(9));
  run(search, (rung) => (rung >= 3 ? after(4) : after(9)));
  t.match(search.changes, [
    { flags: '--gpus 3', startsNow: false, estimate: { startMs: T0_MS + 4 * HOUR_MS } },
  ]);
  const idle = new ChangeSearch([ladder('gpus', 8)], after(9));
  t.equal(run(idle, () => after(9 - 1 / 120)).length, 1, 'half a minute is not worth telling');
  t.same(idle.changes, []);
});

t.test('one that the planner says nothing of is no improvement', async (t) => {
  for (const [baseline, answer] of [
    [never, after(1)],
    [after(9), never],
  ] as const) {
    const search = new ChangeSearch([ladder('queue', 1)], baseline);
    run(search, () => answer);
    t.same(search.changes, []);
  }
});

t.test('what starts now comes first, of equals what costs least', async (t) => {
  const ladders = (['gpus', 'memory', 'time-limit'] as const).map((kind) => ladder(kind, 1));
  const search = new ChangeSearch(ladders, after(9));
  let asked = 0;
  run(search, () => [now, after(3), now][asked++] as Answer);
  t.same(
    search.changes.map(({ kind }) => kind),
    ['time-limit', 'gpus', 'memory'],
  );
});

t.test('it ends at its bound and says that there was more', async (t) => {
  const search = new ChangeSearch([ladder('gpus', 64), ladder('memory', 1)], after(9), 3);
  const asked = run(search, (rung) => (rung >= 40 ? now : after(9)));
  t.equal(asked.length, 3);
  t.ok(search.incomplete);
  t.match(search.changes, [{ startsNow: true }], 'what was confirmed until then');
  const abandoned = new ChangeSearch([ladder('gpus', 1)], after(9));
  abandoned.abandon();
  t.ok(abandoned.incomplete);
});
