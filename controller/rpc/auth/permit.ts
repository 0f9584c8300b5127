/** What the door granted to one call. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';

export interface Permit {
  /** Its row in the table. */
  readonly call: string;
  readonly caller: Caller;
  /** The project that the request means; undefined when it means none. */
  readonly projectId: ProjectId | undefined;
  /** As the request named it. */
  readonly ref: string;
}
