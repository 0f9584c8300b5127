/**
 * The scheduler's policy: settings that operators change at run time, with all versions kept.
 */

import { policyJson } from '../../../proto/domain/scheduling-json.ts';
import { POLICY_KEYS, POLICY_SETTINGS, toSettingName } from '../../../proto/domain/scheduling-policy.ts';
import { POLICY_LOOK } from '../../render/scheduling-looks.ts';
import type { CommandSpec } from '../command-tree.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { readPair } from './quantity.ts';

/** Said with what is kept and not obeyed, so that nobody counts on it. */
const NO_TURNS = 'kept; jobs do not take turns yet, whatever the service settings say';

const SETTINGS = POLICY_KEYS.map((key) => `${toSettingName(key)}: ${POLICY_SETTINGS[key].doc}`).join('; ');

export const POLICY_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['policy', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show the policy that is in force',
    examples: ['nabla policy show', 'nabla policy show -o yaml'],
    output: 'record',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await context.printRecord(policyJson(await client.policy.get()), POLICY_LOOK);
      return 0;
    },
  },
  {
    path: ['policy', 'set'],
    summary: 'Change settings of the policy, as a new version',
    description: `Settings: ${SETTINGS}.`,
    examples: ['nabla policy set backfill=conservative reclaimBound=10m --note "long jobs this week"'],
    arguments: [{ name: 'setting', doc: 'NAME=VALUE', repeatable: true }],
    fields: [{ name: 'note', type: 'text', doc: 'why, for the history' }],
    output: 'record',
    async run(context) {
      const pairs = context.arguments('setting').map((text) => readPair('SETTING', text));
      const client = await (await context.connect()).scheduling();
      const version = await client.policy.set(Object.fromEntries(pairs), context.values.text('note') ?? '');
      if (pairs.some(([name]) => name.startsWith('service'))) context.note(NO_TURNS);
      await context.printRecord(policyJson(version), POLICY_LOOK);
      return 0;
    },
  },
  {
    path: ['policy', 'history'],
    summary: 'List the versions of the policy, newest first',
    examples: ['nabla policy history', 'nabla policy history -o json'],
    output: 'list',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await printPage(context, await client.policy.history(listOptionsOf(context)), policyJson, POLICY_LOOK);
      return 0;
    },
  },
];
