/**
 * Tokens: what a user shows to get in. The value is printed once, on stdout and nowhere else.
 */
import { tokenJson } from '../../../proto/domain/record-json.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import { TOKEN_LOOK } from '../../render/identity-looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { usageError } from '../usage-error.ts';

const TOKEN: Argument = { name: 'token', doc: 'token id or name', flags: ['id'], completes: 'token' };

export const TOKENS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['tokens', 'create'],
    summary: 'Make a token and print it, once',
    description:
      'The token alone goes to stdout; keep it in a file that only its user may read. It is stored nowhere and cannot be shown again.',
    examples: [
      'nabla tokens create laptop > token.txt',
      'nabla tokens create first --user ann --expires-in 90d > ann.txt',
    ],
    arguments: [{ name: 'name', doc: 'name to know it by', flags: ['name'] }],
    fields: [
      {
        name: 'user',
        type: 'text',
        doc: 'whose token it is; others than oneself only for administrators',
        default: 'oneself',
        completes: 'user',
      },
      {
        name: 'expiresIn',
        type: 'text',
        placeholder: 'DURATION',
        doc: 'how long it is good, e.g. 12h or 90d',
        default: 'until revoked',
      },
    ],
    output: 'record',
    run: createToken,
  },
  {
    path: ['tokens', 'list'],
    aliases: ['ls'],
    summary: 'List tokens: your own, or as an administrator all',
    examples: ['nabla tokens list'],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      await printPage(context, await client.tokens.list(listOptionsOf(context)), tokenJson, TOKEN_LOOK);
      return 0;
    },
  },
  {
    path: ['tokens', 'show'],
    aliases: ['get'],
    summary: 'Show what is known of one token',
    examples: ['nabla tokens show laptop'],
    arguments: [TOKEN],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      await context.printRecord(tokenJson(await client.tokens.get(context.argument('token'))), TOKEN_LOOK);
      return 0;
    },
  },
  {
    path: ['tokens', 'revoke'],
    aliases: ['delete', 'rm'],
    summary: 'End a token at once',
    examples: ['nabla tokens revoke laptop'],
    arguments: [TOKEN],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      await client.tokens.revoke(context.argument('token'));
      context.note(`revoked token ${context.argument('token')}`);
      return 0;
    },
  },
];

async function createToken(context: CommandContext): Promise<number> {
  const lifetimeMs = lifetimeOf(context);
  const client = await context.connect();
  const { token, value } = await client.tokens.create({
    name: context.argument('name'),
    user: context.values.text('user') ?? '',
    lifetimeMs,
  });
  if (context.format === 'json' || context.format === 'yaml') {
    await context.printRecord({ ...tokenJson(token), value }, TOKEN_LOOK);
    return 0;
  }
  await context.print(`${value}\n`);
  const end = token.expiresAtMs === undefined ? '' : ` until ${new Date(token.expiresAtMs).toISOString()}`;
  context.note(`token ${token.id} of user ${token.userName}${end}; it is not shown again`);
  return 0;
}

/** Milliseconds; 0 without an end. */
function lifetimeOf(context: CommandContext): number {
  const text = context.values.text('expiresIn');
  if (text === undefined) return 0;
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value > 0) return parsed.value;
  throw usageError('FLAG_INVALID', '--expires-in is not a time', 'write for example 12h or 90d');
}
