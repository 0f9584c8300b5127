/**
 * Aim: users, tokens, members and identities survive the wire, and what no version knows is refused with its path.
 * Method: arbitrary records through bytes and back.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import t from 'tap';
import {
  CLUSTER_ROLES,
  type Member,
  PROJECT_ROLES,
  type Token,
  USER_STATES,
  type User,
} from '../../../../proto/domain/identity.ts';
import type { Identity } from '../../../../proto/domain/views.ts';
import { WhoAmIResponseSchema } from '../../../../proto/gen/nabla/v1/catalog_pb.ts';
import { MemberSchema, TokenSchema, UserSchema } from '../../../../proto/gen/nabla/v1/identity_pb.ts';
import {
  fromWireIdentity,
  fromWireMember,
  fromWireToken,
  fromWireUser,
  toWireIdentity,
  toWireMember,
  toWireToken,
  toWireUser,
} from '../../../../proto/wire/identity-wire.ts';
import { caught } from '../../../kit/caught.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const timeMs = fc.integer({ min: 1, max: 2 ** 45 });
const absent = { requiredKeys: undefined } as const;

const users = fc.record(
  {
    id: text,
    name: text,
    role: fc.constantFrom(...CLUSTER_ROLES),
    state: fc.constantFrom(...USER_STATES),
    createdBy: text,
    createdAtMs: timeMs,
    revokedAtMs: timeMs,
    revision: timeMs,
  },
  { ...absent, requiredKeys: ['id', 'name', 'role', 'state', 'createdBy', 'createdAtMs', 'revision'] },
);
const tokens = fc.record(
  {
    id: text,
    name: text,
    userId: text,
    userName: text,
    createdBy: text,
    createdAtMs: timeMs,
    expiresAtMs: timeMs,
  },
  { requiredKeys: ['id', 'name', 'userId', 'userName', 'createdBy', 'createdAtMs'] },
);
const role = fc.constantFrom(...PROJECT_ROLES);
const members = fc.record({
  projectId: text,
  userId: text,
  userName: text,
  role,
  addedBy: text,
  addedAtMs: timeMs,
});
const identities = fc.record(
  {
    principal: text,
    roles: fc.array(text, { maxLength: 2 }),
    clusterId: text,
    serverVersion: text,
    defaultProjectId: text,
    httpPort: fc.integer({ min: 0, max: 65_535 }),
    memberships: fc.array(fc.record({ projectId: text, projectName: text, role }), { maxLength: 3 }),
  },
  { requiredKeys: ['principal', 'roles', 'clusterId', 'serverVersion', 'httpPort', 'memberships'] },
);

t.test('records come back as they were', async (t) => {
  fc.assert(
    fc.property(users, tokens, members, identities, (user, token, member, identity) => {
      const there = {
        user: toBinary(UserSchema, toWireUser(user as unknown as User)),
        token: toBinary(TokenSchema, toWireToken(token as unknown as Token)),
        member: toBinary(MemberSchema, toWireMember(member as unknown as Member)),
        identity: toBinary(WhoAmIResponseSchema, toWireIdentity(identity as unknown as Identity)),
      };
      deepStrictEqual({ ...fromWireUser(fromBinary(UserSchema, there.user)) }, { ...user });
      deepStrictEqual({ ...fromWireToken(fromBinary(TokenSchema, there.token)) }, { ...token });
      deepStrictEqual({ ...fromWireMember(fromBinary(MemberSchema, there.member)) }, { ...member });
      const back = fromWireIdentity(fromBinary(WhoAmIResponseSchema, there.identity));
      deepStrictEqual(JSON.parse(JSON.stringify(back)), JSON.parse(JSON.stringify(identity)));
    }),
    { numRuns: 200 },
  );
  t.pass();
});

t.test('a role that is missing or unknown is refused by its path', async (t) => {
  const user = fromBinary(UserSchema, new Uint8Array());
  t.match(
    caught(() => fromWireUser(user)),
    { fields: [{ path: 'user.role' }] },
  );
  const member = fromBinary(MemberSchema, new Uint8Array());
  t.match(
    caught(() => fromWireMember({ ...member, role: 9 as never })),
    { fields: [{ path: 'member.role' }] },
  );
});

t.test('a token on the wire has no place for a digest', async (t) => {
  const token = {
    id: 't',
    userId: 'u',
    userName: 'n',
    name: 'x',
    createdBy: 'b',
    createdAtMs: 1,
    digest: 'SECRET',
  };
  const bytes = toBinary(TokenSchema, toWireToken(token as unknown as Token));
  t.notOk(Buffer.from(bytes).includes('SECRET'));
});
