/**
 * Aim: every phase and event of an attempt is decided, and decided right. Method: an independently written grid of
 * expectations, one letter a cell, walked in full; then what each move sets.
 */
import t from 'tap';
import { ATTEMPT_MOVES, stepAttempt } from '../../../../../controller/core/job/attempt-transition.ts';
import type { AttemptEvent } from '../../../../../controller/core/job/events.ts';
import type { AttemptRecord } from '../../../../../controller/core/job/model.ts';
import { ATTEMPT_PHASES, type AttemptPhase } from '../../../../../proto/domain/job.ts';
import { anAttempt, anExit, jobId, projectId, T0_MS } from '../../../../kit/builders.ts';

const ids = { jobId: jobId('1'), projectId: projectId('1'), attempt: 1 };
const exit = anExit();
const progress = { progress: 'pulling image', progressBytes: 5, progressTotalBytes: 10 };

const EVENTS: readonly AttemptEvent[] = [
  { type: 'attempt-accepted', ...ids, bootId: 'boot-2' },
  { type: 'attempt-preparing', ...ids, bootId: 'boot-2', ...progress },
  { type: 'attempt-progressed', ...ids, ...progress },
  { type: 'attempt-started', ...ids, bootId: 'boot-2', startedAtMs: T0_MS + 5, ports: [] },
  {
    type: 'attempt-finalizing',
    ...ids,
    bootId: 'boot-2',
    startedAtMs: T0_MS + 5,
    exit,
    outcome: 'succeeded',
    logBytes: 7,
  },
  { type: 'attempt-stop-requested', ...ids, cause: 'user', graceMs: 1000 },
  {
    type: 'attempt-ended',
    ...ids,
    bootId: 'boot-2',
    outcome: 'succeeded',
    startedAtMs: T0_MS + 5,
    endedAtMs: T0_MS + 9,
    exit,
    logBytes: 9,
  },
  { type: 'attempt-released', ...ids },
  { type: 'attempt-log-archived', ...ids, logBytes: 9 },
  { type: 'attempt-forgotten', ...ids },
];

/** Column: phase; letter: p/r/f/e = moves there, . = stays, d = duplicate, s = stale, x = illegal. */
const GRID: Readonly<Record<AttemptEvent['type'], string>> = {
  //                        placed preparing running finalizing ended
  'attempt-accepted': '....s',
  'attempt-preparing': 'pdsss',
  'attempt-progressed': '....s',
  'attempt-started': 'rrdss',
  'attempt-finalizing': 'fffds',
  'attempt-stop-requested': '....s',
  'attempt-ended': 'eeeed',
  'attempt-released': 'xxx..',
  'attempt-log-archived': 'xxx..',
  'attempt-forgotten': 'xxxx.',
};

const LETTERS: Readonly<Record<string, string>> = {
  p: 'preparing',
  r: 'running',
  f: 'finalizing',
  e: 'ended',
  d: 'duplicate',
  s: 'stale',
  x: 'illegal',
};

const inPhase = (phase: AttemptPhase, part: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...anAttempt({ phase, startedAtMs: 0, ...(phase === 'ended' ? { outcome: 'succeeded', exit } : {}) }),
  driver: 'process',
  gpusSimulated: false,
  projectName: 'default',
  secretIds: [],
  graceMs: 30_000,
  orderedSeq: 1,
  seenBootId: 'boot-1',
  forgotten: false,
  ...part,
});

for (const event of EVENTS) {
  for (const [column, phase] of ATTEMPT_PHASES.entries()) {
    const letter = GRID[event.type][column]!;
    const want = letter === '.' ? phase : LETTERS[letter];
    t.test(`${phase} and ${event.type}: ${want}`, async (t) => {
      const step = stepAttempt(inPhase(phase), event, 42);
      t.equal(step.ok ? step.next.phase : step.why, want);
      t.equal(ATTEMPT_MOVES[phase][event.type], want, 'the table says the same');
    });
  }
}

t.test('the grid covers every event of the table', async (t) => {
  t.same(Object.keys(ATTEMPT_MOVES.placed).sort(), EVENTS.map((event) => event.type).sort());
});

t.test('a fact that stays in its phase is a duplicate the second time', async (t) => {
  for (const event of EVENTS) {
    const phase = event.type === 'attempt-forgotten' ? 'ended' : 'finalizing';
    const first = stepAttempt(inPhase(phase), event, 42);
    if (!first.ok || first.next.phase !== phase) continue;
    t.same(stepAttempt(first.next, event, 43), { ok: false, why: 'duplicate' }, event.type);
  }
});

t.test('a stop is a new order: generation and order sequence move', async (t) => {
  const step = stepAttempt(inPhase('running'), EVENTS.find((e) => e.type === 'attempt-stop-requested')!, 42);
  t.match(step, { ok: true, next: { generation: 2, orderedSeq: 42, stopCause: 'user', graceMs: 1000 } });
});

t.test('the end is an order too, and keeps what was known', async (t) => {
  const step = stepAttempt(inPhase('running'), EVENTS.find((e) => e.type === 'attempt-ended')!, 42);
  t.match(step, {
    ok: true,
    next: {
      generation: 2,
      orderedSeq: 42,
      outcome: 'succeeded',
      endedAtMs: T0_MS + 9,
      logBytes: 9,
      released: false,
    },
  });
});

t.test('being forgotten proves that nothing holds the resources', async (t) => {
  const step = stepAttempt(inPhase('ended'), { type: 'attempt-forgotten', ...ids }, 42);
  t.match(step, { ok: true, next: { released: true, forgotten: true, logArchived: false } });
});

t.test('a host that restarted and still knows the task is taken at its word', async (t) => {
  const step = stepAttempt(inPhase('placed'), { type: 'attempt-accepted', ...ids, bootId: 'boot-9' }, 42);
  t.match(step, { ok: true, next: { seenBootId: 'boot-9' } });
  t.same(
    stepAttempt(inPhase('placed'), { type: 'attempt-accepted', ...ids, bootId: 'boot-1' }, 42),
    { ok: false, why: 'duplicate' },
    'the same boot says nothing new',
  );
});
