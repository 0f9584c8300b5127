/** Events about hosts and who may speak for them, as people read them. Hashes of tokens are shown by their beginning. */
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { Description } from '../description.ts';
import type { EnrolEvent } from '../enrol/events.ts';
import type { HostEvent, HostOrderEvent } from './events.ts';

export function describeHost(event: HostEvent | HostOrderEvent | EnrolEvent): Description {
  switch (event.type) {
    case 'host-registered':
      return { subject: event.hostId, message: 'a host joined', fields: hostFields(event) };
    case 'host-updated':
      return { subject: event.hostId, message: 'a host reported changes', fields: hostFields(event) };
    case 'join-token-created':
      return {
        subject: `join-token:${event.tokenHash.slice(0, 12)}`,
        message: 'a join token was made',
        fields: { hostName: event.hostName, forHostId: event.forHostId ?? '' },
      };
    case 'host-joined':
      return ofHost(event, 'a host was given its first certificate', {
        name: event.hostName,
        serial: event.serial,
        token: `join-token:${event.tokenHash.slice(0, 12)}`,
      });
    case 'host-certificate-renewed':
      return ofHost(event, 'a host renewed its certificate', { serial: event.serial });
    case 'host-revoked':
      return ofHost(event, 'the certificates of a host were revoked', { reason: event.reason });
    case 'host-contested':
      return event.bootId === ''
        ? ofHost(event, 'an older certificate of this host was renewed: it may be copied', {})
        : ofHost(event, 'two agents say to be this host', { bootId: event.bootId });
    case 'host-cordoned':
      return ofHost(event, 'the host gets no new work', { reason: event.reason });
    case 'host-uncordoned':
      return ofHost(event, 'the host gets work again', {});
    case 'host-drain-started':
      return ofHost(event, 'the host is drained', { mode: event.mode, reason: event.reason });
    case 'host-drain-enforced':
      return ofHost(event, 'the tasks of a drained host were told to stop', {
        attempts: String(event.attempts),
      });
    case 'host-removed':
      return ofHost(event, 'the host was removed', { name: event.name, lost: String(event.lost) });
    default:
      return assertNever(event);
  }
}

function ofHost(
  event: { readonly hostId: string },
  message: string,
  fields: Readonly<Record<string, string>>,
): Description {
  return { subject: event.hostId, message, fields };
}

function hostFields(event: {
  readonly name: string;
  readonly agentVersion: string;
  readonly inventory: { readonly gpus: readonly unknown[] };
}): Readonly<Record<string, string>> {
  return { name: event.name, agentVersion: event.agentVersion, gpus: String(event.inventory.gpus.length) };
}
