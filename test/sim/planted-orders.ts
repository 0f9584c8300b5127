/**
 * Planted bugs around orders about hosts and around tenants: decisions that see less than there is, or say less than
 * they should.
 */
import type { decide } from '../../controller/core/decide.ts';
import type { ClusterEvent } from '../../controller/core/event.ts';
import type { ClusterView } from '../../controller/core/view.ts';
import type { Host } from '../../proto/domain/catalog.ts';
import { changed } from './changed.ts';
import type { PlantedBug } from './planted-bugs.ts';

type Decide = typeof decide;
type Reader = Parameters<Decide>[0];
type Command = Parameters<Decide>[1];

/** As `inner`, with the bug if it is one of these. */
export function decideOrdersWrongly(bug: PlantedBug | undefined, inner: Decide): Decide {
  const blind = bug === undefined ? undefined : BLIND[bug];
  if (blind !== undefined) {
    return (reader, command, context) =>
      inner(blind.of.includes(command.type) ? blind.see(reader) : reader, command, context);
  }
  switch (bug) {
    case 'removal-unproved':
      return (reader, command, context) =>
        inner(reader, command.type === 'remove-host' ? { ...command, force: true } : command, context);
    case 'drain-skips-tasks':
      return (reader, command, context) => {
        const decision = inner(reader, command, context);
        if (!decision.ok || !decision.events.some(({ type }) => type === 'host-drain-enforced'))
          return decision;
        return { ...decision, events: decision.events.filter((event, at) => !isStop(event) || at % 2 === 0) };
      };
    case 'drain-spends-retry':
      return (reader, command, context) => {
        const decision = inner(reader, command, context);
        return decision.ok ? { ...decision, events: decision.events.map(spendRetry) } : decision;
      };
    default:
      return inner;
  }
}

interface Blindness {
  readonly of: readonly Command['type'][];
  readonly see: (reader: Reader) => Reader;
}

const BLIND: Partial<Record<PlantedBug, Blindness>> = {
  'cordon-ignored': { of: ['place-jobs'], see: withoutCordons },
  'given-up-forgotten': {
    of: ['register-host'],
    see: (reader) => changed(reader, { hostIdentity: () => undefined }),
  },
  'revoked-host-served': {
    of: ['register-host', 'observe-tasks'],
    see: (reader) =>
      changed(reader, {
        hostIdentity(hostId) {
          const identity = reader.hostIdentity(hostId);
          return identity === undefined ? undefined : { ...identity, revoked: false };
        },
      }),
  },
  'join-token-reused': {
    of: ['join-host'],
    see: (reader) =>
      changed(reader, {
        joinToken(hash) {
          const token = reader.joinToken(hash);
          if (token === undefined) return undefined;
          const { used, ...unused } = token;
          return used === undefined ? token : { ...unused, hostId: used.hostId };
        },
      }),
  },
  'project-deleted-with-jobs': {
    of: ['delete-project'],
    see: (reader) => changed(reader, { jobCountOf: () => 0 }),
  },
};

/** The view with every host open for work. */
export function withoutCordons<T extends ClusterView>(view: T): T {
  const open = (host: Host): Host => {
    const { cordon: _cordon, ...rest } = host;
    return rest;
  };
  return changed(view, {
    hosts: () => [...view.hosts()].map(open),
    host(id) {
      const host = view.host(id);
      return host === undefined ? undefined : open(host);
    },
  } as Partial<ClusterView> as Partial<T>);
}

function isStop(event: ClusterEvent): boolean {
  return event.type === 'attempt-stop-requested';
}

function spendRetry(event: ClusterEvent): ClusterEvent {
  return event.type === 'job-requeued' && event.reason === 'PREEMPTED'
    ? { ...event, usesRetry: true }
    : event;
}
