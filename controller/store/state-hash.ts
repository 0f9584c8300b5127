/** One hash for the whole state: equal exactly when two states are. */
import { createHash } from 'node:crypto';
import { canonicalLines } from '../state/canonical.ts';
import type { ClusterState } from '../state/cluster-state.ts';

/** sha256 in hex. O(state); for tests, fsck and comparisons, not for the hot path. */
export function stateHash(state: ClusterState): string {
  const hash = createHash('sha256');
  for (const line of canonicalLines(state)) hash.update(line);
  return hash.digest('hex');
}
