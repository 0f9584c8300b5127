/**
 * What may be wrong with a quota tree as an operator sets it. All faults are found at once, each with the place it is
 * at, so that one look at the answer is enough.
 */
import { LIMITS } from '../../../proto/domain/limits.ts';
import type { QuotaNode, QuotaResource, QuotaShare } from '../../../proto/domain/scheduling.ts';
import { QUOTA_ROOT } from '../../../proto/domain/scheduling.ts';
import type { FieldViolation } from '../../../proto/errors/cluster-error.ts';
import { QUOTA_DEPTH_MAX } from '../limits.ts';

type Node = Pick<QuotaNode, 'name' | 'kind' | 'parent' | 'shares' | 'weight'>;

/**
 * Faults by path `NODE.field`, in order of the nodes given; empty when the tree can be used. O(nodes × depth). A limit
 * below what is used now is no fault: nothing new starts until use has fallen. Never throws.
 */
export function checkQuotaTree(nodes: readonly Node[]): readonly FieldViolation[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const found: FieldViolation[] = [];
  const seen = new Set<string>();
  for (const node of nodes) {
    if (seen.has(node.name)) found.push({ path: node.name, reason: 'is named twice' });
    seen.add(node.name);
    found.push(...checkNode(node));
    const fault = node.name === QUOTA_ROOT ? undefined : faultOfParent(node, byName);
    if (fault !== undefined) found.push({ path: `${node.name}.parent`, reason: fault });
  }
  // Sums over a tree that is none would say nonsense.
  return found.length > 0 ? found : checkSums(nodes);
}

function checkNode(node: Node): readonly FieldViolation[] {
  const found: FieldViolation[] = [];
  const add = (field: string, reason: string): void => {
    found.push({ path: `${node.name}.${field}`, reason });
  };
  if (node.name === QUOTA_ROOT && (node.kind !== 'group' || node.parent !== '')) {
    add('parent', 'the root is a group and has no parent');
  }
  if (!Number.isSafeInteger(node.weight) || node.weight < 1 || node.weight > LIMITS.quotaWeightMax) {
    add('weight', `must be a whole number from 1 to ${LIMITS.quotaWeightMax}`);
  }
  if (node.shares.length > LIMITS.quotaShares)
    add('shares', `names more than ${LIMITS.quotaShares} resources`);
  const seen = new Set<QuotaResource>();
  for (const share of node.shares) {
    if (seen.has(share.resource)) add(`shares.${share.resource}`, 'is named twice');
    seen.add(share.resource);
    const fault = faultOfShare(share);
    if (fault !== undefined) add(`shares.${share.resource}`, fault);
  }
  return found;
}

function faultOfShare({ resource, guaranteed, limit }: QuotaShare): string | undefined {
  const most = mostOf(resource);
  if (most === undefined) return 'is no resource; use gpu, gpu:MODEL, cpu or memory';
  const isAmount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= most;
  if (!isAmount(guaranteed)) return `guaranteed must be a whole number from 0 to ${most}`;
  if (limit === undefined) return undefined;
  if (!isAmount(limit)) return `limit must be a whole number from 0 to ${most}`;
  return limit < guaranteed ? 'limit is below what is guaranteed' : undefined;
}

function mostOf(resource: string): number | undefined {
  if (resource === 'gpu' || /^gpu:.+$/.test(resource)) return LIMITS.quotaGpuMilli;
  if (resource === 'cpu') return LIMITS.quotaCpuMilli;
  return resource === 'memory' ? LIMITS.quotaMemoryBytes : undefined;
}

function faultOfParent(node: Node, byName: ReadonlyMap<string, Node>): string | undefined {
  let at: Node = node;
  for (let depth = 0; depth < QUOTA_DEPTH_MAX; depth += 1) {
    if (at.name === QUOTA_ROOT || at.parent === QUOTA_ROOT) return undefined;
    const parent = byName.get(at.parent);
    if (parent === undefined) return at === node ? 'is not a node of the tree' : undefined;
    if (parent.kind === 'project') return at === node ? 'is a project, which has no children' : undefined;
    if (parent === node) return 'leads back to itself';
    at = parent;
  }
  return `is more than ${QUOTA_DEPTH_MAX} levels deep, or leads in a circle`;
}

/** A parent lends what it has: the guarantees of its children fit into its own, where it has one. */
function checkSums(nodes: readonly Node[]): readonly FieldViolation[] {
  const sums = new Map<string, Map<QuotaResource, number>>();
  for (const node of nodes) {
    if (node.name === QUOTA_ROOT) continue;
    const ofParent = sums.get(node.parent) ?? new Map<QuotaResource, number>();
    sums.set(node.parent, ofParent);
    for (const { resource, guaranteed } of node.shares) {
      ofParent.set(resource, (ofParent.get(resource) ?? 0) + guaranteed);
    }
  }
  return nodes.flatMap((node) =>
    [...(sums.get(node.name) ?? [])].flatMap(([resource, sum]) => {
      const own = node.shares.find((share) => share.resource === resource)?.guaranteed;
      // Whoever names no amount promises none of it, and what stands below goes on standing for itself.
      if (own === undefined || sum <= own) return [];
      const reason = `guarantees ${own}, and its children are guaranteed ${sum}`;
      return [{ path: `${node.name}.shares.${resource}`, reason }];
    }),
  );
}
