/** Aim: refusals carry what callers need and nothing undefined. Method: one case per maker. */
import t from 'tap';
import { accept, refuse, refuseField } from '../../../../controller/core/decision.ts';

t.test('a refusal is whole, with empty parts where nothing was said', async (t) => {
  t.same(refuse('quota', 'QUEUE_FULL', 'too many jobs wait'), {
    ok: false,
    error: {
      kind: 'quota',
      code: 'QUEUE_FULL',
      message: 'too many jobs wait',
      hint: '',
      fields: [],
      details: {},
    },
  });
  t.match(refuse('quota', 'X', 'm', { retryAfterMs: 5 }), { error: { retryAfterMs: 5 } });
});

t.test('a refused field stands in the message and beside it', async (t) => {
  const field = { path: 'spec.tasks', reason: 'asks for 2 tasks' };
  t.match(refuseField('unsupported', 'X', field, 'ask for one'), {
    error: { message: 'spec.tasks asks for 2 tasks', fields: [field], hint: 'ask for one' },
  });
});

t.test('an acceptance is no replay', async (t) => {
  t.same(accept('job_1', []), { ok: true, events: [], outcome: { subject: 'job_1', replayed: false } });
});
