/**
 * What operators set, in the form that passes work on: tree of quotas, models that count apart, bands. Made anew only when
 * one of its sources changed, and whatever was drawn from it goes with it.
 */
import type { Queue, QuotaNode } from '../../../proto/domain/scheduling.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import { buildQuotaTree, type QuotaTree } from '../quota/quota-tree.ts';
import type { ClusterView } from '../view.ts';
import type { LiveRooms } from './live-rooms.ts';
import { QuotaModels } from './quota-models.ts';

/** Work of a project that the tree does not know is booked here. */
const ROOT = 0;

export interface PlanningContext {
  readonly policy: SchedulingPolicy;
  readonly queues: readonly Queue[];
  readonly queueOf: ReadonlyMap<string, Queue>;
  readonly tree: QuotaTree;
  readonly models: QuotaModels;
  readonly bandOf: (queue: string) => number;
  readonly nodeOf: (projectId: string) => number;
  readonly sources: Sources;
}

interface Sources {
  readonly quotas: readonly QuotaNode[];
  /** Of hosts and their cards; counts only where models count apart. */
  readonly shapeRevision: number;
}

/** The same object as long as nothing that it depends on changed. */
export function followContext(
  known: PlanningContext | undefined,
  view: ClusterView,
  live: LiveRooms,
): PlanningContext {
  const { scheduling } = view;
  const queues = scheduling.queues();
  const quotas = scheduling.quotas();
  const isSame =
    known !== undefined &&
    known.policy === scheduling.policy.policy &&
    isSameList(known.queues, queues) &&
    isSameList(known.sources.quotas, quotas) &&
    (known.models.isBlind || known.sources.shapeRevision === live.shapeRevision) &&
    knowsProjects(known.tree, view);
  return isSame ? known : makeContext(view, live, queues, quotas);
}

function makeContext(
  view: ClusterView,
  live: LiveRooms,
  queues: readonly Queue[],
  quotas: readonly QuotaNode[],
): PlanningContext {
  const tree = buildQuotaTree(quotas, new Set(Array.from(view.projects(), ({ id }) => id)));
  const queueOf = new Map(queues.map((queue) => [queue.name, queue]));
  return {
    policy: view.scheduling.policy.policy,
    queues,
    queueOf,
    tree,
    models: new QuotaModels(tree, modelsOf(live)),
    bandOf: (queue) => queueOf.get(queue)?.priorityBand ?? 0,
    nodeOf: (projectId) => tree.nodeOfProject.get(projectId) ?? ROOT,
    sources: { quotas, shapeRevision: live.shapeRevision },
  };
}

function knowsProjects({ nodeOfProject }: QuotaTree, view: ClusterView): boolean {
  for (const { id } of view.projects()) if (!nodeOfProject.has(id)) return false;
  return true;
}

function isSameList<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}

function* modelsOf({ rooms }: LiveRooms): Iterable<string> {
  for (const { host } of rooms) for (const { model } of host.inventory.gpus) yield model;
}
