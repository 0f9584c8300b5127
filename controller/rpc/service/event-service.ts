/**
 * EventService: the kept events after a sequence number, and on as new ones commit.
 */
import type { EventRecord } from '../../../proto/domain/catalog.ts';
import type { HostId, ProjectId } from '../../../proto/domain/ids.ts';
import { isClusterError } from '../../../proto/errors/cluster-error.ts';
import type { EventService, WatchEventsRequest } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireEventRecord } from '../../../proto/wire/catalog-wire.ts';
import { fromInt64 } from '../../../proto/wire/scalar-wire.ts';
import type { Engine } from '../../core/engine.ts';
import { foundProject } from '../../core/found-record.ts';
import { maySeeEvent } from '../../core/identity/access.ts';
import { requireAccess } from '../auth/door.ts';
import { failRequest, optionalReference, requireWithin } from '../request-field.ts';
import type { ServicePorts } from '../service-ports.ts';

/** Events read from the log at once. */
export const EVENT_PAGE_MAX = 512;
export const EVENT_LIMIT_DEFAULT = 100;
export const EVENT_LIMIT_MAX = 10_000;
/** Events looked through for the last few that match; older matches are not found without after_seq. */
export const EVENTS_SEARCHED_MAX = 100_000;
const TYPES_MAX = 64;

type IsWanted = (event: EventRecord) => boolean;

export function createEventService(ports: ServicePorts): ServiceHandlers<typeof EventService> {
  const { engine, hub } = ports;
  return {
    async *watchEvents(request, { signal, caller }) {
      const isAsked = await toFilter(engine, request);
      // Asked anew for each event, because a watch outlives changes of roles.
      const isWanted: IsWanted = (event) => isAsked(event) && maySee(ports, caller, event);
      const limit = requireWithin(request.limit, 'limit', 0, EVENT_LIMIT_MAX) || EVENT_LIMIT_DEFAULT;
      let after = fromInt64(request.afterSeq, 'afterSeq');
      const subscription = hub.watchCommits();
      try {
        if (after === 0) {
          const { events, headSeq } = await lastEvents(engine, isWanted, limit);
          for (const event of await withHostNames(engine, events)) yield { event: toWireEventRecord(event) };
          after = headSeq;
          if (!request.follow) return;
        }
        for (;;) {
          const page = await engine.events(after, EVENT_PAGE_MAX);
          for (const event of await withHostNames(engine, page.filter(isWanted))) {
            yield { event: toWireEventRecord(event) };
          }
          after = page.at(-1)?.seq ?? after;
          if (signal.aborted) return;
          if (page.length === EVENT_PAGE_MAX) continue;
          if (!request.follow) return;
          await subscription.changed({ signal });
          if (signal.aborted) return;
        }
      } finally {
        subscription.close();
      }
    },
  };
}

/** Events name hosts by id; people know them by name, as far as they are still known. */
function withHostNames(engine: Engine, events: readonly EventRecord[]): Promise<readonly EventRecord[]> {
  return engine.read((view) =>
    events.map((event) => {
      const { hostId } = event.fields as { readonly hostId?: HostId };
      const hostName = hostId === undefined ? undefined : view.host(hostId)?.name;
      return hostName === undefined ? event : { ...event, fields: { ...event.fields, hostName } };
    }),
  );
}

function maySee({ engine, clock }: ServicePorts, caller: Caller, event: EventRecord): boolean {
  return engine.peek((view) => maySeeEvent(view, requireAccess(view, caller, clock.nowMs()), event));
}

async function toFilter(engine: Engine, request: WatchEventsRequest): Promise<IsWanted> {
  const subject = optionalReference(request.subject, 'subject');
  const project = optionalReference(request.project, 'project');
  if (request.types.length > TYPES_MAX) failRequest('types', `must be at most ${TYPES_MAX}`);
  const types = new Set(request.types);
  const projectId: ProjectId | undefined =
    project === '' ? undefined : await engine.read((view) => foundProject(view, project).id);
  return (event) =>
    (projectId === undefined || event.projectId === projectId) &&
    (subject === '' || event.subject === subject) &&
    (types.size === 0 || types.has(event.type));
}

interface LastEvents {
  readonly events: readonly EventRecord[];
  /** Newest sequence that was looked at. */
  readonly headSeq: number;
}

/** The last `limit` events that match, in order. The log reads forwards only, so it is searched window by window. */
async function lastEvents(engine: Engine, isWanted: IsWanted, limit: number): Promise<LastEvents> {
  const headSeq = await engine.read((view) => view.headSeq);
  let matches: readonly EventRecord[] = [];
  let before = headSeq;
  while (before > 0 && matches.length < limit && headSeq - before < EVENTS_SEARCHED_MAX) {
    const after = Math.max(0, before - EVENT_PAGE_MAX);
    const page = await pageOrNone(engine, after);
    const upTo = before;
    matches = [...page.filter((event) => event.seq <= upTo && isWanted(event)), ...matches];
    if (page.length === 0) break;
    before = after;
  }
  return { events: matches.slice(-limit), headSeq };
}

/** Pruned events are the end of the search, not its failure. */
async function pageOrNone(engine: Engine, after: number): Promise<readonly EventRecord[]> {
  try {
    return await engine.events(after, EVENT_PAGE_MAX);
  } catch (error) {
    if (isClusterError(error) && error.kind === 'gone') return [];
    throw error;
  }
}
