/** A fact as people read it. */
import type { ProjectId } from '../../proto/domain/ids.ts';

export interface Description {
  readonly subject: string;
  readonly message: string;
  readonly projectId?: ProjectId;
  readonly fields?: Readonly<Record<string, string>>;
}
