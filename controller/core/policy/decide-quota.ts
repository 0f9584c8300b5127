/**
 * Shaping the quota tree: groups and projects under the root. Checked as a whole, so that what children are
 * guaranteed is never more than their parent is.
 */
import { LIMITS } from '../../../proto/domain/limits.ts';
import { checkSlug, checkText } from '../../../proto/domain/names.ts';
import {
  QUOTA_ROOT,
  QUOTA_WEIGHT_DEFAULT,
  type QuotaNode,
  type QuotaShare,
} from '../../../proto/domain/scheduling.ts';
import { createViolations, type Violations } from '../../../proto/domain/violations.ts';
import type { Command } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import { QUOTA_DEPTH_MAX, QUOTA_NODES_MAX } from '../limits.ts';
import { requireProject } from '../lookup.ts';
import { checkQuotaTree } from '../quota/check-quota-tree.ts';
import type { ClusterReader } from '../reader.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;
type Node = Pick<QuotaNode, 'name' | 'kind' | 'parent' | 'shares' | 'weight'>;

export function decideSetQuota(reader: ClusterReader, command: Of<'set-quota'>): Decision {
  const name = nameOf(reader, command);
  if (!name.ok) return name;
  const before = reader.scheduling.quota(name.record);
  const node: Node = {
    name: name.record,
    kind: command.kind,
    parent: name.record === QUOTA_ROOT ? '' : (command.parent ?? before?.parent ?? QUOTA_ROOT),
    shares: changedShares(before?.shares ?? [], command),
    weight: command.weight ?? before?.weight ?? QUOTA_WEIGHT_DEFAULT,
  };
  const objection =
    objectToFields(node) ?? objectToPlace(reader, node, before, command) ?? objectToTree(reader, node);
  return objection ?? accept(node.name, [{ type: 'quota-set', ...node }]);
}

export function decideDeleteQuota(reader: ClusterReader, command: Of<'delete-quota'>): Decision {
  const project = reader.findProject(command.name);
  const node =
    reader.scheduling.quota(command.name) ??
    (project.found ? reader.scheduling.quota(project.record.id) : undefined);
  if (node === undefined || (node.name === QUOTA_ROOT && node.revision === 0))
    return refuseAbsent(command.name);
  const child = reader.scheduling.quotas().find(({ parent }) => parent === node.name);
  if (child !== undefined && node.name !== QUOTA_ROOT) {
    return refuse('precondition', 'QUOTA_HAS_CHILDREN', 'other quotas hang on that group', {
      hint: 'give them another parent first',
      details: { name: node.name, child: child.name },
    });
  }
  return accept(node.name, [{ type: 'quota-deleted', name: node.name }]);
}

function refuseAbsent(name: string): Refused {
  return refuse('not-found', 'QUOTA_NOT_FOUND', 'there is no such quota', {
    hint: 'list them with nabla quotas list',
    details: { name },
  });
}

type Named = { readonly ok: true; readonly record: string } | Refused;

function nameOf(reader: ClusterReader, { name, kind }: Of<'set-quota'>): Named {
  if (kind === 'group') return { ok: true, record: name };
  const project = requireProject(reader, name);
  return project.ok ? { ok: true, record: project.record.id } : project;
}

function changedShares(before: readonly QuotaShare[], command: Of<'set-quota'>): readonly QuotaShare[] {
  const shares = new Map<string, QuotaShare>(before.map((share) => [share.resource, share]));
  for (const resource of command.removeShares) shares.delete(resource);
  for (const share of command.shares) shares.set(share.resource, share);
  return [...shares.values()].sort((left, right) => (left.resource < right.resource ? -1 : 1));
}

/** Faults named in one refusal. */
const FAULTS_TOLD_MAX = 16;

const BOUNDS = {
  gpu: LIMITS.quotaGpuMilli,
  cpu: LIMITS.quotaCpuMilli,
  memory: LIMITS.quotaMemoryBytes,
} as const;

function objectToFields(node: Node): Refused | undefined {
  const violations = createViolations();
  if (node.kind === 'group') violations.add('name', checkSlug(node.name));
  violations.requireRange(node.weight, 1, LIMITS.quotaWeightMax, 'weight');
  const { quotaShares } = LIMITS;
  violations.require(node.shares.length <= quotaShares, 'shares', `must be at most ${quotaShares}`);
  for (const share of node.shares.slice(0, quotaShares)) checkShare(share, violations);
  if (violations.fields.length === 0) return undefined;
  return refuse('invalid', 'QUOTA_INVALID', 'the quota is not valid', {
    fields: violations.fields,
    hint: 'correct the fields that are named',
  });
}

function checkShare({ resource, guaranteed, limit }: QuotaShare, violations: Violations): void {
  const path = `shares.${resource.slice(0, 64)}`;
  const [kind, model] = resource.split(/:(.*)/s, 2);
  const most = Object.hasOwn(BOUNDS, kind ?? '') ? BOUNDS[kind as keyof typeof BOUNDS] : undefined;
  if (most === undefined || (model !== undefined && (kind !== 'gpu' || model === ''))) {
    violations.add(path, 'must be of gpu, gpu:MODEL, cpu or memory');
    return;
  }
  violations.add(path, checkText(model ?? '', LIMITS.gpuModelCharacters));
  violations.requireRange(guaranteed, 0, most, `${path}.guaranteed`);
  if (limit === undefined) return;
  violations.requireRange(limit, 0, most, `${path}.limit`);
  violations.require(guaranteed <= limit, `${path}.guaranteed`, 'must not be more than the limit');
}

function objectToPlace(
  reader: ClusterReader,
  node: Node,
  before: QuotaNode | undefined,
  command: Of<'set-quota'>,
): Refused | undefined {
  const { quotas, quota } = reader.scheduling;
  const fail = (reason: string): Refused =>
    refuse('precondition', 'QUOTA_PARENT', `the parent ${reason}`, {
      hint: 'nabla quotas list shows the tree',
      details: { name: node.name, parent: node.parent },
    });
  if (before !== undefined && before.kind !== node.kind) {
    return refuse('exists', 'QUOTA_KIND', 'there is a quota of that name and another kind', {
      hint: 'choose another name for the group',
      details: { name: node.name },
    });
  }
  if (before === undefined && quotas().length >= QUOTA_NODES_MAX) {
    return refuse('quota', 'QUOTA_NODES_MAX', 'the quota tree has too many nodes', { hint: 'delete one' });
  }
  if (node.name === QUOTA_ROOT) {
    return command.parent === undefined || command.parent === ''
      ? undefined
      : fail('of the root cannot be set');
  }
  let depth = depthBelow(reader, node.name);
  for (let at = node.parent; at !== ''; at = quota(at)?.parent ?? '') {
    const parent = quota(at);
    if (parent === undefined) return fail('does not exist');
    if (parent.kind !== 'group') return fail('is not a group');
    if (at === node.name) return fail('lies below the quota itself');
    if (at !== QUOTA_ROOT) depth += 1;
    if (depth > QUOTA_DEPTH_MAX) return fail(`lies too deep: the tree has at most ${QUOTA_DEPTH_MAX} levels`);
  }
  return undefined;
}

/** Levels from the node to its deepest descendant; the tree that is stored has no cycles. O(nodes). */
function depthBelow(reader: ClusterReader, name: string): number {
  const children = new Map<string, string[]>();
  for (const { name: child, parent } of reader.scheduling.quotas()) {
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [child]);
    else siblings.push(child);
  }
  let depth = 0;
  for (let level: readonly string[] = [name]; level.length > 0; depth += 1) {
    level = level.flatMap((one) => children.get(one) ?? []);
  }
  return depth;
}

/** What plans would say of the tree with the node in it: nothing may be set that they cannot use. O(nodes × depth). */
function objectToTree(reader: ClusterReader, node: Node): Refused | undefined {
  const others = reader.scheduling.quotas().filter(({ name }) => name !== node.name);
  const faults = checkQuotaTree([...others, node]);
  if (faults.length === 0) return undefined;
  return refuse('precondition', 'QUOTA_OVERCOMMITTED', 'more would be guaranteed below a quota than it has', {
    fields: faults.slice(0, FAULTS_TOLD_MAX),
    hint: 'raise the guarantee of the parent, or lower those below it',
    details: { name: node.name },
  });
}
