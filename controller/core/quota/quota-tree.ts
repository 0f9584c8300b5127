/**
 * The quota tree in the form that passes work on: nodes and resources by number, parents before children. Built once
 * per change of the tree (or when a project appears that has no node of its own) and never changed.
 */
import type { QuotaNode, QuotaResource } from '../../../proto/domain/scheduling.ts';
import { QUOTA_ROOT, QUOTA_WEIGHT_DEFAULT } from '../../../proto/domain/scheduling.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { checkQuotaTree } from './check-quota-tree.ts';

/** What the tree needs of a stored node. */
export type QuotaNodeSpec = Pick<QuotaNode, 'name' | 'kind' | 'parent' | 'shares' | 'weight'>;

/** Arrays over nodes are indexed by node; a node's number is above its parent's, and the root is 0. */
export interface QuotaTree {
  readonly names: readonly string[];
  readonly parents: Int32Array;
  readonly depths: Int32Array;
  readonly weights: Float64Array;
  readonly children: readonly (readonly number[])[];
  /** Resources that some node names, in order of the name; a resource named nowhere is neither counted nor bounded. */
  readonly resources: readonly QuotaResource[];
  /** Whether some node is guaranteed any of it: only then there is a lender, and so a borrower. */
  readonly isGuaranteed: readonly boolean[];
  /** `[node * resources.length + resource]`; a limit that is not set is Infinity. 0 <= guaranteed <= limit. */
  readonly guaranteed: Float64Array;
  readonly limits: Float64Array;
  readonly nodeOfProject: ReadonlyMap<string, number>;
}

/**
 * The tree of `nodes`, in which every project of `projects` has a node: without one of its own a child of the root with
 * no guarantee, no limit and the default weight. The same tree whatever the order of `nodes`.
 *
 * @throws ClusterError QUOTA_TREE_INVALID when {@link checkQuotaTree} finds a fault
 */
export function buildQuotaTree(nodes: readonly QuotaNodeSpec[], projects: Iterable<string> = []): QuotaTree {
  const fields = checkQuotaTree(nodes);
  if (fields.length > 0) {
    throw new ClusterError('invalid', 'QUOTA_TREE_INVALID', 'the quota tree contradicts itself', {
      fields,
      hint: 'look at nabla quotas list and correct the nodes named',
    });
  }
  const ordered = sortParentsFirst(nodes, projects);
  const resources = listResources(nodes);
  const numbers = new Map(ordered.map((node, at) => [node.name, at]));
  const parents = Int32Array.from(ordered, (node, at) => (at === 0 ? -1 : (numbers.get(node.parent) ?? 0)));
  const depths = new Int32Array(ordered.length);
  const children: number[][] = ordered.map(() => []);
  for (let at = 1; at < ordered.length; at += 1) {
    const parent = parents[at] as number;
    depths[at] = (depths[parent] as number) + 1;
    (children[parent] as number[]).push(at);
  }
  const guaranteed = new Float64Array(ordered.length * resources.length);
  const limits = new Float64Array(guaranteed.length).fill(Number.POSITIVE_INFINITY);
  for (const [at, node] of ordered.entries()) {
    for (const share of node.shares) {
      const cell = at * resources.length + resources.indexOf(share.resource);
      guaranteed[cell] = share.guaranteed;
      if (share.limit !== undefined) limits[cell] = share.limit;
    }
  }
  return {
    names: ordered.map((node) => node.name),
    parents,
    depths,
    weights: Float64Array.from(ordered, (node) => node.weight),
    children,
    resources,
    isGuaranteed: resources.map((_, r) => ordered.some((_, n) => guaranteed[n * resources.length + r]! > 0)),
    guaranteed,
    limits,
    nodeOfProject: new Map(
      ordered.flatMap((node, at) => (node.kind === 'project' ? [[node.name, at] as const] : [])),
    ),
  };
}

/** The lowest node that holds both, itself included. O(depth). */
export function findMeetingNode(tree: QuotaTree, one: number, other: number): number {
  let [a, b] = [one, other];
  while (a !== b) {
    if ((tree.depths[a] as number) >= (tree.depths[b] as number)) a = tree.parents[a] as number;
    else b = tree.parents[b] as number;
  }
  return a;
}

/** Breadth first, siblings by name, so that numbers do not depend on the order in which nodes were set. */
function sortParentsFirst(nodes: readonly QuotaNodeSpec[], projects: Iterable<string>): QuotaNodeSpec[] {
  const known = new Set(nodes.map((node) => node.name));
  const bare = [...new Set(projects)]
    .filter((name) => !known.has(name))
    .map(
      (name): QuotaNodeSpec => ({
        name,
        kind: 'project',
        parent: QUOTA_ROOT,
        shares: [],
        weight: QUOTA_WEIGHT_DEFAULT,
      }),
    );
  const byParent = new Map<string, QuotaNodeSpec[]>();
  for (const node of [...nodes, ...bare]) {
    if (node.name === QUOTA_ROOT) continue;
    const siblings = byParent.get(node.parent);
    if (siblings === undefined) byParent.set(node.parent, [node]);
    else siblings.push(node);
  }
  const root = nodes.find((node) => node.name === QUOTA_ROOT) ?? {
    name: QUOTA_ROOT,
    kind: 'group',
    parent: '',
    shares: [],
    weight: QUOTA_WEIGHT_DEFAULT,
  };
  const ordered: QuotaNodeSpec[] = [root];
  for (let at = 0; at < ordered.length; at += 1) {
    const below = byParent.get(ordered[at]?.name as string) ?? [];
    ordered.push(...below.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
  return ordered;
}

function listResources(nodes: readonly QuotaNodeSpec[]): readonly QuotaResource[] {
  return [...new Set(nodes.flatMap((node) => node.shares.map((share) => share.resource)))].sort();
}
