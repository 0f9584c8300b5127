/**
 * An operator's verbs on hosts: letting them join, keeping work away, emptying and removing them.
 */
import { hostJson } from '../../../proto/domain/record-json.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import { HOST_LOOK } from '../../render/looks.ts';
import type { RecordLook } from '../../render/records.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument, Field } from '../field.ts';
import { usageError } from '../usage-error.ts';

const HOST: Argument = { name: 'host', doc: 'host id or name', flags: ['id'], completes: 'host' };
const REASON: Field = { name: 'reason', type: 'text', doc: 'why; others see it with the host' };

const TOKEN_LOOK: RecordLook = {
  id: (record) => String(record['token']),
  columns: () => [
    { header: 'TOKEN', value: (record) => String(record['token']) },
    { header: 'EXPIRES', value: (record) => String(record['expiresAt']) },
    { header: 'CA SHA256', value: (record) => String(record['caSha256']) },
  ],
  none: '',
};

export const HOST_ORDER_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['hosts', 'join-token'],
    summary: 'Make a token with which one host joins, and print the command for it',
    description:
      'The token is good once, and for an hour at most. Run the printed command on the host: it makes its own key, trusts no controller but this one, and keeps the certificate that it gets.',
    examples: ['nabla hosts join-token', 'nabla hosts join-token --ttl 10m --name gpu-07'],
    fields: [
      {
        name: 'ttl',
        type: 'text',
        placeholder: 'TIME',
        default: '30m',
        doc: 'how long it is good; 1h at most',
      },
      { name: 'name', type: 'text', placeholder: 'NAME', doc: 'only a host of this name may use it' },
      {
        name: 'host',
        type: 'text',
        placeholder: 'HOST',
        doc: 'a known host that gets a new certificate and keeps its id; older certificates of it end',
        completes: 'host',
      },
    ],
    output: 'record',
    run: makeJoinToken,
  },
  {
    path: ['hosts', 'cordon'],
    summary: 'Keep new work away from a host; what runs there goes on',
    examples: ['nabla hosts cordon gpu-07 --reason "fan 3 rattles"'],
    arguments: [HOST],
    fields: [REASON],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const reason = context.values.text('reason') ?? '';
      const host = await client.hostOrders.cordon(context.argument('host'), reason);
      await context.printRecord(hostJson(host), HOST_LOOK);
      return 0;
    },
  },
  {
    path: ['hosts', 'uncordon'],
    summary: 'Let a host have work again; takes back a cordon and a drain',
    examples: ['nabla hosts uncordon gpu-07'],
    arguments: [HOST],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const host = await client.hostOrders.uncordon(context.argument('host'));
      await context.printRecord(hostJson(host), HOST_LOOK);
      return 0;
    },
  },
  {
    path: ['hosts', 'drain'],
    summary: 'Empty a host: no new work, and what runs ends or moves by a deadline',
    description:
      'Tasks may end by themselves until the deadline; then they are stopped with their grace, and their jobs are queued again without using up a retry. With --mode stop that happens at once. nabla hosts uncordon takes it back.',
    examples: ['nabla hosts drain gpu-07 --deadline 2h', 'nabla hosts drain gpu-07 --mode stop'],
    arguments: [HOST],
    fields: [
      { name: 'deadline', type: 'text', placeholder: 'TIME', default: 'none', doc: 'from now, e.g. 2h' },
      {
        name: 'mode',
        type: 'text',
        choices: ['wait', 'stop'],
        default: 'wait',
        doc: 'wait lets tasks end until the deadline; stop does not',
      },
      REASON,
    ],
    output: 'record',
    async run(context) {
      const { values } = context;
      const client = await context.connect();
      const host = await client.hostOrders.drain({
        host: context.argument('host'),
        mode: values.text('mode') === 'stop' ? 'stop' : 'wait',
        deadlineAfterMs: durationOf(context, 'deadline'),
        reason: values.text('reason') ?? '',
      });
      await context.printRecord(hostJson(host), HOST_LOOK);
      return 0;
    },
  },
  {
    path: ['hosts', 'revoke'],
    summary: 'Refuse every certificate of a host from now on, and cut its connections',
    description:
      'For a certificate that somebody copied, or a machine that is no longer trusted. The host stays known and its jobs wait for it: nabla hosts join-token --host lets it join again; nabla hosts remove --force gives it up.',
    examples: ['nabla hosts revoke gpu-07 --reason "disk was sold"'],
    arguments: [HOST],
    fields: [REASON],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      const host = context.argument('host');
      await client.hostOrders.revoke(host, context.values.text('reason') ?? '');
      context.note(`revoked the certificates of ${host}`);
      return 0;
    },
  },
  {
    path: ['hosts', 'remove'],
    aliases: ['rm', 'delete'],
    summary: 'Forget a host and revoke its certificates',
    description:
      'Refused while the host holds tasks: drain it first. --force gives up what it holds: its attempts end as lost and their jobs may start elsewhere, so use it only when the machine is off.',
    examples: ['nabla hosts remove gpu-07', 'nabla hosts remove gpu-07 --force'],
    arguments: [HOST],
    fields: [{ name: 'force', type: 'switch', doc: 'give up what the host still holds' }],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      const removed = await client.hostOrders.remove(context.argument('host'), context.values.flag('force'));
      context.note(`removed host ${removed}`);
      return 0;
    },
  },
];

async function makeJoinToken(context: CommandContext): Promise<number> {
  const { values } = context;
  const client = await context.connect();
  const made = await client.hostOrders.createJoinToken({
    ttlMs: durationOf(context, 'ttl'),
    hostName: values.text('name') ?? '',
    host: values.text('host') ?? '',
  });
  const { token, caSha256, expiresAtMs } = made;
  const controller = `https://${client.grpcAddress}`;
  const named = values.text('name');
  const name = named === undefined ? '' : ` --name ${quote(named)}`;
  // The token stands in the environment, not among the arguments, where every user of the host could read it.
  const command = `NABLA_JOIN_TOKEN=${token} nabla-agent join --controller ${controller} --ca-sha256 ${caSha256}${name} --token-file env`;
  if (context.format === 'table' || context.format === 'wide') {
    await context.print(`${command}\n`);
    context.note(
      `good once, until ${new Date(expiresAtMs).toISOString()}; run it on the host, then start nabla-agent`,
    );
    if (/^(localhost|127\.|\[::1\])/.test(client.grpcAddress)) {
      context.note(
        'the address is that of this machine: give hosts the one by which they reach the controller',
      );
    }
    return 0;
  }
  const expiresAt = new Date(expiresAtMs).toISOString();
  await context.printRecord({ token, expiresAt, caSha256, controller, command }, TOKEN_LOOK);
  return 0;
}

/** As one word of a POSIX shell. */
function quote(word: string): string {
  return /^[\w.:@/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** 0 when absent. @throws ClusterError invalid FLAGS_INVALID */
function durationOf({ values }: CommandContext, name: string): number {
  const text = values.text(name);
  if (text === undefined) return 0;
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value > 0) return parsed.value;
  const reason = parsed.ok ? 'must be more than nothing' : parsed.reason;
  throw usageError('FLAGS_INVALID', `flag --${name} ${reason}`, 'correct the flag', [
    { path: `--${name}`, reason },
  ]);
}
