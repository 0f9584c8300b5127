/** Aim: people read why, when and what to do, with commands that can be copied. Method: the JSON form through its look. */
import t from 'tap';
import { EXPLANATION_LOOK, PLAN_LOOK } from '../../../../cli/render/explanation-look.ts';
import type { JsonRecord } from '../../../../cli/render/records.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00.000Z');
const NOBODY = { jobIds: [], visibleCount: 0, hiddenCount: 0 };

const waiting: JsonRecord = {
  jobId: 'job_1',
  state: 'queued',
  code: 'NO_FREE_GPU',
  message: 'each of 2 hosts has too few free GPUs of the wanted kind',
  queue: 'default',
  position: 3,
  readyCount: 7,
  estimate: { startAt: '2026-01-01T02:00:00.000Z', basis: 'by the time limits of what runs' },
  unknownBecause: null,
  hosts: [
    {
      code: 'NO_FREE_GPU',
      message: 'has too few',
      hostCount: 9,
      hostNames: ['a', 'b'],
      passesWithTime: true,
    },
    { code: 'EXCLUDED', message: 'is excluded', hostCount: 1, hostNames: ['c'], passesWithTime: false },
  ],
  holders: { jobIds: ['j1', 'j2', 'j3', 'j4', 'j5'], visibleCount: 6, hiddenCount: 2 },
  ahead: { jobIds: [], visibleCount: 0, hiddenCount: 2 },
  victims: NOBODY,
  changes: [
    {
      kind: 'time-limit',
      flags: '--time-limit 1h',
      message: 'with a time limit of 1h',
      startsNow: true,
      inPlace: true,
      estimate: null,
    },
    {
      kind: 'gpus',
      flags: '--gpus 2',
      message: 'with 2 GPUs',
      startsNow: false,
      inPlace: false,
      estimate: { startAt: '2026-01-01T01:00:00.000Z', basis: 'by the time limits of what runs' },
    },
    { kind: 'exclusive', flags: '', message: 'shared', startsNow: true, inPlace: false, estimate: null },
    { kind: 'release', flags: '', message: 'released', startsNow: true, inPlace: true, estimate: null },
  ],
  plans: 5,
  incomplete: true,
};

function rows(look: typeof EXPLANATION_LOOK, record: JsonRecord): Readonly<Record<string, string>> {
  const told = look.details?.(record, NOW_MS) ?? [];
  return Object.fromEntries(told.map(([label, value]) => [label, [value].flat().join('\n')]));
}

t.test('a job that waits', async (t) => {
  const told = rows(EXPLANATION_LOOK, waiting);
  t.match(told['Reason'], 'NO_FREE_GPU: each of 2 hosts');
  t.equal(told['Queue'], 'default, 3 of 7; before it 2 of other projects');
  t.equal(told['Start'], 'in about 2h, by the time limits of what runs');
  t.equal(told['Held by'], 'j1, j2, j3, j4 and 2 more; 2 of other projects');
  t.equal(
    told['Hosts'],
    'each of 9 hosts has too few (NO_FREE_GPU)\n  a, b and 7 more\n1 host is excluded (EXCLUDED)\n  c',
  );
  t.equal(
    told['Sooner'],
    [
      'with a time limit of 1h: at once',
      '  nabla jobs update job_1 --time-limit 1h',
      'with 2 GPUs: in about 1h, by the time limits of what runs',
      '  submit it anew with --gpus 2',
      'shared: at once',
      '  submit it anew',
      'released: at once',
      '  nabla jobs release job_1',
      'there was more to try than one answer may cost',
    ].join('\n'),
  );
  t.notOk('Stopped for it' in told);
});

t.test('what is unknown says why, and nothing found says so', async (t) => {
  const silent = { ...waiting, estimate: null, unknownBecause: 'it is held', changes: [], incomplete: false };
  const told = rows(EXPLANATION_LOOK, { ...silent, position: 0 });
  t.equal(told['Start'], 'unknown, because it is held');
  t.equal(told['Sooner'], 'no change was found that would start it sooner');
  t.equal(told['Queue'], 'default, not among the 7 that only wait for room');
});

t.test('what does not wait is told in three lines', async (t) => {
  t.same(Object.keys(rows(EXPLANATION_LOOK, { ...waiting, state: 'running' })), ['Job', 'State', 'Reason']);
});

t.test('a dry run', async (t) => {
  const plan = {
    fitsNow: true,
    hostId: 'host_1',
    hostName: 'a',
    gpuUuids: ['GPU-1', 'GPU-2'],
    reason: 'FITS',
    reasonMessage: 'would be placed at once',
    position: 1,
    estimate: null,
    unknownBecause: null,
    displaced: NOBODY,
    elements: 1,
    elementsStarting: 1,
  };
  t.equal(PLAN_LOOK.id({ plan }), 'host_1');
  t.match(rows(PLAN_LOOK, { plan }), { 'Starts now': 'yes', Host: 'a', GPUs: 'GPU-1\nGPU-2' });
  const waits = { ...plan, fitsNow: false, unknownBecause: 'it is held', elements: 3, elementsStarting: 0 };
  const displaced = { jobIds: ['job_9'], visibleCount: 1, hiddenCount: 1 };
  t.match(rows(PLAN_LOOK, { plan: { ...waits, displaced } }), {
    'Starts now': 'no',
    Elements: '0 of 3 start at once',
    Start: 'unknown, because it is held',
    'Stopped for it': 'job_9; 1 of other projects',
    Stored: 'nothing: this was a dry run',
  });
});
