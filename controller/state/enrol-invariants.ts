/** What must be true of join tokens, host identities and orders about hosts in every state. */
import type { ClusterState } from './cluster-state.ts';

export function checkEnrolment(state: ClusterState, report: (rule: string) => void): void {
  const { tokens, identities } = state.enrolTable;
  for (const [hash, token] of tokens) {
    if (token.tokenHash !== hash) report(`join token ${hash.slice(0, 12)}: is kept under another hash`);
    const { used } = token;
    if (used === undefined) continue;
    const identity = identities.get(used.hostId);
    if (identity === undefined || identity.generation < used.generation) {
      report(`join token ${hash.slice(0, 12)}: was used for an identity that is not there`);
    }
  }
  for (const [hostId, identity] of identities) {
    if (identity.hostId !== hostId) report(`${hostId}: its identity is another's`);
    if (!Number.isSafeInteger(identity.generation) || identity.generation < 1) {
      report(`${hostId}: its generation is no number of ours`);
    }
  }
  for (const { id, cordon, drain } of state.hosts()) {
    if (drain !== undefined && cordon === undefined) report(`${id}: is drained and not cordoned`);
  }
}
