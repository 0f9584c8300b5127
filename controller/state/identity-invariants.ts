/**
 * What must be true of users, tokens and members: nothing of a revoked user opens anything, nothing hangs on a
 * record that is gone, and the indexes say what the records say.
 */
import type { ClusterState } from './cluster-state.ts';

type Report = (rule: string) => void;

export function checkIdentity(state: ClusterState, report: Report): void {
  const { identity } = state;
  const names = new Set<string>();
  let admins = 0;
  for (const user of identity.users()) {
    if (names.has(user.name)) report(`${user.id}: its name is taken twice`);
    names.add(user.name);
    if (user.role === 'admin' && user.state === 'active') admins += 1;
    if ((user.state === 'revoked') !== (user.revokedAtMs !== undefined))
      report(`${user.id}: state and time of revocation disagree`);
    if (user.revision > state.headSeq) report(`${user.id}: revision lies beyond the head`);
  }
  if (admins !== identity.adminCount) report('the administrators are counted wrong');
  checkTokens(state, report);
  checkMembers(state, report);
}

function checkTokens({ identity }: ClusterState, report: Report): void {
  const digests = new Set<string>();
  const names = new Set<string>();
  for (const token of identity.tokens()) {
    const user = identity.user(token.userId);
    if (user?.state !== 'active' || user.name !== token.userName) report(`${token.id}: its user is gone`);
    if (digests.has(token.digest)) report(`${token.id}: its digest is another's, too`);
    digests.add(token.digest);
    const name = `${token.userId} ${token.name}`;
    if (names.has(name)) report(`${token.id}: the user has two tokens of that name`);
    names.add(name);
    if (identity.tokenOf(token.digest)?.id !== token.id) report(`${token.id}: the index names another`);
  }
}

function checkMembers(state: ClusterState, report: Report): void {
  const { identity } = state;
  for (const { projectId, userId, userName } of identity.allMembers()) {
    const name = `${userId} in ${projectId}`;
    const user = identity.user(userId);
    if (user?.state !== 'active' || user.name !== userName) report(`${name}: the user is gone`);
    if (state.project(projectId) === undefined) report(`${name}: the project is gone`);
    if (!identity.memberships(userId).some((member) => member.projectId === projectId))
      report(`${name}: the index of users lacks it`);
  }
}
