/**
 * TokenService: tokens are minted here, told once and forgotten; only digests go on. Everybody has to do with their
 * own, administrators with all: what is not one's own is not there.
 */
import type { Token } from '../../../proto/domain/identity.ts';
import type { TokenId, UserId } from '../../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../../proto/domain/ids.ts';
import { TOKEN_LIST } from '../../../proto/domain/record-list.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { TokenSchema, type TokenService } from '../../../proto/gen/nabla/v1/identity_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireToken } from '../../../proto/wire/identity-wire.ts';
import { fromInt64 } from '../../../proto/wire/scalar-wire.ts';
import { found } from '../../core/found-record.ts';
import type { Access } from '../../core/identity/access.ts';
import { LOOKUP_MATCHES_MAX } from '../../core/limits.ts';
import type { ClusterView, Lookup } from '../../core/view.ts';
import { methodForbidden } from '../auth/authorisation.ts';
import { requireAccess } from '../auth/door.ts';
import { digestOf } from '../auth/user-tokens.ts';
import { listPage } from '../list-page.ts';
import { optionalReference, requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createTokenService(ports: ServicePorts): ServiceHandlers<typeof TokenService> {
  const { engine, clock } = ports;
  const readOwn = <T>({ caller }: CallContext, look: (tokens: readonly Token[], view: ClusterView) => T) =>
    engine.read((view) => look(ownTokens(view, requireAccess(view, caller, clock.nowMs())), view));
  const findOwn = (ref: string, context: CallContext): Promise<Token> =>
    readOwn(context, (tokens) => found(findToken(tokens, ref), { ref, noun: 'token', list: 'tokens list' }));
  return {
    async createToken({ name, user, lifetimeMs }, context) {
      optionalReference(user, 'user');
      const asked = fromInt64(lifetimeMs, 'lifetimeMs');
      const { forUser, lifetime } = await engine.read((view) => {
        const nowMs = clock.nowMs();
        const access = requireAccess(view, context.caller, nowMs);
        const ref = userOf(view, access, user, context);
        const isOwn = ref === access.userId || ref === view.identity.user(access.userId ?? NOBODY)?.name;
        return { forUser: ref, lifetime: isOwn ? withinOwn(view, context, asked, nowMs) : asked };
      });
      const id = ports.ids.mint('token') as TokenId;
      const value = ports.ids.token();
      await engine.submit(
        {
          type: 'create-token',
          id,
          user: forUser,
          name: requireReference(name, 'name'),
          digest: digestOf(value).toString('hex'),
          ...(lifetime === 0 ? {} : { lifetimeMs: lifetime }),
        },
        commandContext(ports, context),
      );
      const token = await engine.read((view) => view.identity.token(id));
      return { ...(token === undefined ? {} : { token: toWireToken(token) }), value };
    },
    async getToken({ token }, context) {
      return { token: toWireToken(await findOwn(requireReference(token, 'token'), context)) };
    },
    async listTokens({ options }, context) {
      const records = await readOwn(context, (tokens) => tokens);
      const page = listPage({ kind: TOKEN_LIST, records, schema: TokenSchema, toWire: toWireToken }, options);
      return { tokens: page.records, nextPageToken: page.nextPageToken };
    },
    async revokeToken({ token }, context) {
      const { id } = await findOwn(requireReference(token, 'token'), context);
      await engine.submit({ type: 'revoke-token', token: id }, commandContext(ports, context));
      return {};
    },
  };
}

/** Of everybody, for administrators. */
function ownTokens(view: ClusterView, { role, userId }: Access): readonly Token[] {
  if (role === 'admin') return [...view.identity.tokens()];
  return userId === undefined ? [] : [...view.identity.tokens(userId)];
}

/** By id, name, or unambiguous beginning of an id, written with its `tok_`, among these. */
function findToken(tokens: readonly Token[], ref: string): Lookup<Token> {
  const exact = tokens.filter(({ id }) => id === ref);
  const named = exact.length > 0 ? exact : tokens.filter(({ name }) => name === ref);
  const matches =
    named.length > 0
      ? named
      : tokens.filter(({ id }) => ref.startsWith(ID_PREFIXES.token) && id.startsWith(ref));
  const [record] = matches;
  if (record !== undefined && matches.length === 1) return { found: true, record };
  const why = record === undefined ? 'absent' : 'ambiguous';
  return { found: false, why, matches: matches.slice(0, LOOKUP_MATCHES_MAX).map(({ id }) => id) };
}

const NOBODY = '' as UserId;

/**
 * A token that ends makes none that lasts longer, or its end would mean nothing. 0 asks for no end.
 *
 * @throws ClusterError precondition TOKEN_OUTLIVES
 */
function withinOwn(view: ClusterView, { caller }: CallContext, asked: number, nowMs: number): number {
  const expiresAtMs =
    caller.tokenId === undefined ? undefined : view.identity.token(caller.tokenId)?.expiresAtMs;
  if (expiresAtMs === undefined) return asked;
  const left = expiresAtMs - nowMs;
  if (asked === 0) return left;
  if (asked <= left) return asked;
  throw new ClusterError('precondition', 'TOKEN_OUTLIVES', 'a token makes none that outlives it', {
    hint: 'ask for less time, or use a token that lasts longer; an administrator can make one',
    details: { expiresAtMs: String(expiresAtMs) },
  });
}

/** For whom a token is asked. Others than administrators hear the same of every name but their own. */
function userOf(view: ClusterView, access: Access, ref: string, { method, caller }: CallContext): string {
  const own = access.userId === undefined ? undefined : view.identity.user(access.userId);
  // The built-in administrator has no record: the decision says so.
  if (ref === '') return own?.id ?? caller.principal.replace(/^user:/, '');
  if (access.role === 'admin' || ref === own?.name || ref === own?.id) return ref;
  throw methodForbidden(method, 'admin');
}
