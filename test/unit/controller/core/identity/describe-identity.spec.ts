/** Aim: events about people are described without digests. Method: one of each type. */
import t from 'tap';
import { describeIdentity } from '../../../../../controller/core/identity/describe-identity.ts';
import type { IdentityEvent } from '../../../../../controller/core/identity/events.ts';
import { projectId } from '../../../../kit/builders.ts';
import { tokenIdOf, userIdOf } from '../../../../kit/people.ts';

const who = { userId: userIdOf('ann'), name: 'ann' };
const what = { projectId: projectId('lab'), userId: userIdOf('ann'), userName: 'ann' };

const EVENTS: readonly (readonly [IdentityEvent, object])[] = [
  [
    { type: 'user-created', ...who, role: 'admin' },
    { subject: 'usr_ann', fields: { name: 'ann', role: 'admin' } },
  ],
  [
    { type: 'user-role-changed', ...who, role: 'user' },
    { subject: 'usr_ann', fields: { role: 'user' } },
  ],
  [{ type: 'user-revoked', ...who }, { subject: 'usr_ann' }],
  [
    { type: 'token-created', ...who, tokenId: tokenIdOf('t'), userName: 'ann', name: 't', digest: 'abc123' },
    { subject: 'tok_t', fields: { user: 'ann', name: 't' } },
  ],
  [{ type: 'token-revoked', tokenId: tokenIdOf('t'), userName: 'ann', name: 't' }, { subject: 'tok_t' }],
  [
    { type: 'member-added', ...what, role: 'owner' },
    { projectId: 'prj_lab', fields: { user: 'ann', role: 'owner' } },
  ],
  [
    { type: 'member-removed', ...what },
    { projectId: 'prj_lab', fields: { user: 'ann' } },
  ],
];

t.test('each says whom it is about, and no digest', async (t) => {
  for (const [event, expected] of EVENTS) {
    const described = describeIdentity(event);
    t.match(described, expected, event.type);
    t.notOk(JSON.stringify(described).includes('abc123'));
  }
});
