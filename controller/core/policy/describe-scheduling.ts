/** Facts about queues, quotas, the policy and reservations as users see them. Wording may change freely. */
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { Description } from '../description.ts';
import type { SchedulingEvent } from './events.ts';

export function describeScheduling(event: SchedulingEvent): Description {
  switch (event.type) {
    case 'queue-created':
      return { subject: event.name, message: 'a queue was made' };
    case 'queue-updated':
      return { subject: event.name, message: 'a queue was changed' };
    case 'queue-deleted':
      return { subject: event.name, message: 'a queue was deleted' };
    case 'quota-set':
      return { subject: event.name, message: 'a quota was set', fields: { parent: event.parent } };
    case 'quota-deleted':
      return { subject: event.name, message: 'a quota was deleted' };
    case 'policy-set':
      return {
        subject: String(event.version),
        message: 'the policy of the scheduler was changed',
        fields: { note: event.note },
      };
    case 'reservation-created':
      return { ...ofReservation(event), message: 'a reservation was made' };
    case 'reservation-deleted':
      return { ...ofReservation(event), message: 'a reservation was deleted' };
    default:
      return assertNever(event);
  }
}

function ofReservation(
  event: Extract<SchedulingEvent, { readonly reservationId: string }>,
): Omit<Description, 'message'> {
  return { subject: event.reservationId, projectId: event.projectId, fields: { name: event.name } };
}
