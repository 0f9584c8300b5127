/** Aim: facts about scheduling read well, and tell of a project when they are about one. Method: one of each. */
import t from 'tap';
import { describeScheduling } from '../../../../../controller/core/policy/describe-scheduling.ts';
import type { SchedulingEvent } from '../../../../../controller/core/policy/events.ts';
import { DEFAULT_POLICY } from '../../../../../proto/domain/scheduling-policy.ts';
import { projectId } from '../../../../kit/builders.ts';

const reservation = { reservationId: 'rsv_1' as never, projectId: projectId('p'), name: 'r' };
const EVENTS: readonly (readonly [SchedulingEvent, string])[] = [
  [{ type: 'queue-deleted', name: 'q' }, 'q'],
  [{ type: 'quota-set', name: 'g', kind: 'group', parent: 'root', shares: [], weight: 1 }, 'g'],
  [{ type: 'quota-deleted', name: 'g' }, 'g'],
  [{ type: 'policy-set', version: 3, policy: DEFAULT_POLICY, note: 'why' }, '3'],
  [{ type: 'reservation-deleted', ...reservation }, 'rsv_1'],
];

for (const [event, subject] of EVENTS) {
  t.test(`${event.type} is about ${subject}`, async (t) => {
    const description = describeScheduling(event);
    t.equal(description.subject, subject);
    t.match(description.message, /^[a-z ]+$/);
    t.equal(description.projectId, 'projectId' in event ? event.projectId : undefined);
  });
}
