/**
 * Making and revoking tokens. What arrives here is a digest: whoever reads the log or a backup learns no token.
 */
import type { Command, CommandContext } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import { TOKEN_LIFETIME_MAX_MS, TOKEN_LIFETIME_MIN_MS, TOKENS_PER_USER_MAX } from '../limits.ts';
import { isTokenName } from '../names.ts';
import type { ClusterReader } from '../reader.ts';
import { requireActiveUser } from './decide-user.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideCreateToken(
  reader: ClusterReader,
  command: Of<'create-token'>,
  context: CommandContext,
): Decision {
  const found = requireActiveUser(reader, command.user);
  if (!found.ok) return found;
  const { id: userId, name: userName } = found.record;
  const { id, name, digest, lifetimeMs } = command;
  const wrong = wrongField(command);
  if (wrong !== undefined) return wrong;
  const tokens = [...reader.identity.tokens(userId)];
  if (tokens.some((token) => token.name === name)) {
    return refuse('exists', 'TOKEN_EXISTS', 'the user has a token of that name', {
      hint: 'choose another name, or revoke that token first',
      details: { name, user: userName },
    });
  }
  if (tokens.length >= TOKENS_PER_USER_MAX) {
    return refuse('quota', 'TOKENS_MAX', 'the user has too many tokens', {
      hint: 'revoke those that are not needed or expired',
      details: { max: String(TOKENS_PER_USER_MAX) },
    });
  }
  const expires = lifetimeMs === undefined ? {} : { expiresAtMs: context.nowMs + lifetimeMs };
  return accept(id, [{ type: 'token-created', tokenId: id, userId, userName, name, digest, ...expires }]);
}

function wrongField({ name, lifetimeMs }: Of<'create-token'>): Decision | undefined {
  if (!isTokenName(name)) {
    const field = { path: 'name', reason: 'is not a token name' };
    return refuseField('invalid', 'BAD_TOKEN_NAME', field, 'use up to 63 letters, digits, . _ - and @');
  }
  if (lifetimeMs === undefined) return undefined;
  if (lifetimeMs >= TOKEN_LIFETIME_MIN_MS && lifetimeMs <= TOKEN_LIFETIME_MAX_MS) return undefined;
  const field = { path: 'lifetimeMs', reason: 'must be from 1 second to 10 years' };
  return refuseField('invalid', 'BAD_TOKEN_LIFETIME', field, 'give another time, or none');
}

export function decideRevokeToken(reader: ClusterReader, command: Of<'revoke-token'>): Decision {
  const token = reader.identity.token(command.token);
  if (token === undefined) {
    return refuse('not-found', 'TOKEN_NOT_FOUND', 'there is no such token', {
      hint: 'list them with nabla tokens list',
      details: { ref: command.token },
    });
  }
  const { id, userName, name } = token;
  return accept(id, [{ type: 'token-revoked', tokenId: id, userName, name }]);
}
