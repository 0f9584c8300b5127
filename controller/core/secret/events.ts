/**
 * Facts about secrets: names and ids only. The sealed value is a row of its own, written and erased in the same
 * batch. The `type` strings are stored for ever.
 */
import type { JobId, ProjectId, SecretId } from '../../../proto/domain/ids.ts';

export interface SecretSet {
  readonly type: 'secret-set';
  readonly secretId: SecretId;
  readonly name: string;
  /** Absent: cluster-wide. */
  readonly projectId?: ProjectId;
  /** Made for one job's credentials: not listed, deleted with the job. */
  readonly ownerJobId?: JobId;
}
export interface SecretDeleted {
  readonly type: 'secret-deleted';
  readonly secretId: SecretId;
  readonly name: string;
  readonly projectId?: ProjectId;
}

export type SecretEvent = SecretSet | SecretDeleted;
