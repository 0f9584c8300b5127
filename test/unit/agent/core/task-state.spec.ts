/**
 * Aim: every cell of phase × event is decided, an end is final, and following a task twice ends it once.
 * Method: all cells against the table of legal moves.
 */
import t from 'tap';
import {
  isLive,
  stepTask,
  TASK_MOVES,
  type TaskEvent,
  type TaskState,
} from '../../../../agent/core/task-state.ts';
import { anExit } from '../../../kit/builders.ts';

const started = { containerId: 'c1', startedAtMs: 1, ports: [] };
const exit = anExit();

const STATES: Readonly<Record<TaskState['phase'], TaskState>> = {
  accepted: { phase: 'accepted' },
  preparing: { phase: 'preparing' },
  running: { phase: 'running', started },
  finalizing: { phase: 'finalizing', started, exit },
  exited: { phase: 'exited', started, exit, logArchived: false },
  unknown: { phase: 'unknown', reason: 'engine away', started },
};
const EVENTS: Readonly<Record<TaskEvent['type'], TaskEvent>> = {
  'preparation-began': { type: 'preparation-began' },
  started: { type: 'started', started },
  ended: { type: 'ended', exit: anExit({ code: 7 }) },
  'outputs-stored': { type: 'outputs-stored' },
  'log-archived': { type: 'log-archived' },
  'sight-lost': { type: 'sight-lost', reason: 'engine away' },
};

t.test('every cell moves exactly when the table says so', async (t) => {
  for (const state of Object.values(STATES)) {
    for (const event of Object.values(EVENTS)) {
      const step = stepTask(state, event);
      t.equal(step.ok, TASK_MOVES[state.phase].includes(event.type), `${state.phase} × ${event.type}`);
    }
  }
});

t.test('an end is final', async (t) => {
  for (const phase of ['finalizing', 'exited'] as const) {
    for (const type of ['started', 'ended', 'sight-lost', 'preparation-began'] as const) {
      t.same(stepTask(STATES[phase], EVENTS[type]), { ok: false, why: 'duplicate' }, `${phase} × ${type}`);
    }
  }
});

t.test('what was known of the start survives until the exit', async (t) => {
  let state: TaskState = STATES.unknown;
  for (const type of ['ended', 'outputs-stored', 'log-archived'] as const) {
    const step = stepTask(state, EVENTS[type]);
    t.ok(step.ok, type);
    if (step.ok) state = step.next;
  }
  t.same(state, { phase: 'exited', started, exit: anExit({ code: 7 }), logArchived: true });
});

t.test('only tasks that may have a process are live', async (t) => {
  const live = Object.values(STATES)
    .filter(isLive)
    .map(({ phase }) => phase);
  t.same(live.sort(), ['accepted', 'preparing', 'running', 'unknown']);
});
