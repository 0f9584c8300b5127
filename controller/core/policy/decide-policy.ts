/** Changing the scheduler's settings: each change is a new version, checked whole. */
import { LIMITS } from '../../../proto/domain/limits.ts';
import { checkText } from '../../../proto/domain/names.ts';
import {
  findPolicyKey,
  formatSetting,
  POLICY_KEYS,
  parseSetting,
  type SchedulingPolicy,
} from '../../../proto/domain/scheduling-policy.ts';
import { createViolations } from '../../../proto/domain/violations.ts';
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import type { ClusterReader } from '../reader.ts';

type SetPolicy = Extract<Command, { readonly type: 'set-policy' }>;

export function decideSetPolicy(reader: ClusterReader, command: SetPolicy): Decision {
  const { settings, note, expectedVersion } = command;
  const { version, policy: before } = reader.scheduling.policy;
  if (expectedVersion !== undefined && expectedVersion !== version) {
    return refuse('conflict', 'POLICY_CHANGED', 'the policy was changed meanwhile', {
      hint: 'look at it with nabla policy show and try again',
      details: { version: String(version) },
    });
  }
  const violations = createViolations();
  violations.add('note', checkText(note, LIMITS.noteCharacters));
  violations.require(Object.keys(settings).length > 0, 'settings', 'must name a setting');
  const changes: Partial<Record<keyof SchedulingPolicy, unknown>> = {};
  for (const [name, text] of Object.entries(settings).slice(0, POLICY_KEYS.length + 1)) {
    const key = findPolicyKey(name);
    const parsed = key === undefined ? undefined : parseSetting(key, text);
    const path = name.slice(0, 64);
    if (key === undefined || parsed === undefined) violations.add(path, 'is not a setting');
    else if (parsed.ok) changes[key] = parsed.value;
    else violations.add(path, parsed.reason);
  }
  if (violations.fields.length > 0) {
    return refuse('invalid', 'POLICY_INVALID', 'the policy is not valid', {
      fields: violations.fields,
      hint: 'nabla policy show names the settings and what they may be',
    });
  }
  // Each value was read by its own setting, so it is of its type.
  const policy = { ...before, ...changes } as SchedulingPolicy;
  const isSame = POLICY_KEYS.every((key) => formatSetting(policy, key) === formatSetting(before, key));
  if (isSame) return accept(String(version), []);
  return accept(String(version + 1), [{ type: 'policy-set', version: version + 1, policy, note }]);
}
