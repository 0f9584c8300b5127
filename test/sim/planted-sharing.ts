/**
 * Planted bugs around how the cluster is shared: decisions and planners that see other bounds than there are, or count
 * what they should not.
 */
import type { decide } from '../../controller/core/decide.ts';
import type { ClusterEvent } from '../../controller/core/event.ts';
import type { Gate } from '../../controller/core/job/readiness.ts';
import type { Planner } from '../../controller/core/planner.ts';
import type { ClusterView, SchedulingView } from '../../controller/core/view.ts';
import type { SchedulingPolicy } from '../../proto/domain/scheduling-policy.ts';
import { changed } from './changed.ts';
import type { PlantedBug } from './planted-bugs.ts';

type Decide = typeof decide;

/** Gates that do not hold. */
const OPEN_GATES: Partial<Record<PlantedBug, Gate['code']>> = {
  'hold-ignored': 'HELD',
  'dependency-ignored': 'DEPENDENCY',
  'array-cap-ignored': 'ARRAY_LIMIT',
  'user-cap-ignored': 'USER_LIMIT',
};

/** As `inner`, with the bug if it is one of these. */
export function decideSharingWrongly(bug: PlantedBug | undefined, inner: Decide): Decide {
  const gate = bug === undefined ? undefined : OPEN_GATES[bug];
  if (gate !== undefined) {
    return (reader, command, context) =>
      inner(command.type === 'place-jobs' ? withoutGate(reader, gate) : reader, command, context);
  }
  switch (bug) {
    case 'preemption-not-off':
      return (reader, command, context) => inner(withPolicy(reader, { preemption: true }), command, context);
    case 'dependents-left-waiting':
      return changing(inner, (event) => (isEndOfDependent(event) ? [] : [event]));
    case 'preempted-counts-as-failed':
      return changing(inner, (event) => [asFailure(event)]);
    case 'usage-uncounted':
      return changing(inner, (event) => [withoutQueue(event)]);
    default:
      return inner;
  }
}

/** As `inner`, with the bug if it is one of these. */
export function planSharingWrongly(bug: PlantedBug | undefined, inner: Planner): Planner {
  const see = bug === undefined ? undefined : sightOf(bug);
  if (see !== undefined) return (input) => inner({ ...input, view: see(input.view) });
  if (bug === 'victims-spared') {
    return (input) => {
      const { evictions: _dropped, ...plan } = inner(input);
      return plan;
    };
  }
  return inner;
}

function sightOf(bug: PlantedBug): ((view: ClusterView) => ClusterView) | undefined {
  const gate = OPEN_GATES[bug];
  if (gate !== undefined) return (view) => withoutGate(view, gate);
  switch (bug) {
    case 'preemption-not-off':
      return (view) => withPolicy(view, { preemption: true });
    case 'victims-too-young':
      return (view) => withPolicy(view, { preemptionMinRuntimeMs: 0 });
    case 'quota-limit-ignored':
      return (view) => withScheduling(view, { quotas: () => view.scheduling.quotas().map(withoutLimits) });
    case 'guarantee-ignored':
      return (view) => withScheduling(view, { quotas: () => view.scheduling.quotas().map(withoutGuarantee) });
    case 'reservation-ignored':
      return (view) => withScheduling(view, { reservations: () => [] });
    default:
      return undefined;
  }
}

type Node = ReturnType<SchedulingView['quotas']>[number];

function withoutLimits(node: Node): Node {
  return {
    ...node,
    shares: node.shares.map(({ resource, guaranteed }) => ({ resource, guaranteed })),
  };
}

function withoutGuarantee(node: Node): Node {
  return { ...node, shares: node.shares.map((share) => ({ ...share, guaranteed: 0 })) };
}

/** The view in which jobs behind that gate may start. */
function withoutGate<T extends ClusterView>(view: T, code: Gate['code']): T {
  const isOpen = (id: Parameters<T['gateOf']>[0]): boolean => view.gateOf(id)?.code === code;
  const isCap = code === 'ARRAY_LIMIT' || code === 'USER_LIMIT';
  const other: Partial<ClusterView> = {
    ...(isCap ? { activeCount: () => 0 } : {}),
    isReady: (id) => view.isReady(id) || isOpen(id),
    queue: () => [
      ...view.queue(),
      ...[...view.jobs()].filter(
        ({ id, state, stopRequested }) => state === 'queued' && !stopRequested && isOpen(id),
      ),
    ],
  };
  return changed(view, other as Partial<T>);
}

function withScheduling<T extends ClusterView>(view: T, other: Partial<SchedulingView>): T {
  return changed(view, { scheduling: changed(view.scheduling, other) } as Partial<ClusterView> as Partial<T>);
}

function withPolicy<T extends ClusterView>(view: T, other: Partial<SchedulingPolicy>): T {
  const { policy } = view.scheduling;
  return withScheduling(view, { policy: { ...policy, policy: { ...policy.policy, ...other } } });
}

function changing(inner: Decide, change: (event: ClusterEvent) => readonly ClusterEvent[]): Decide {
  return (reader, command, context) => {
    const decision = inner(reader, command, context);
    return decision.ok ? { ...decision, events: decision.events.flatMap(change) } : decision;
  };
}

function isEndOfDependent(event: ClusterEvent): boolean {
  return event.type === 'job-finished' && event.reason === 'DEPENDENCY_FAILED';
}

function asFailure(event: ClusterEvent): ClusterEvent {
  if (event.type === 'attempt-ended' && event.outcome === 'preempted') return { ...event, outcome: 'failed' };
  if (event.type !== 'job-requeued' || event.reason !== 'PREEMPTED') return event;
  const { jobId, projectId } = event;
  const failure = { state: 'failed', reason: 'SIGNALLED', message: '', exitCode: 143 } as const;
  return { type: 'job-finished', jobId, projectId, ...failure };
}

function withoutQueue(event: ClusterEvent): ClusterEvent {
  if (event.type !== 'attempt-placed') return event;
  const { queue: _dropped, ...rest } = event;
  return rest;
}
