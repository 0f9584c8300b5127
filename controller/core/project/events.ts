/** Facts about projects. The `type` strings are stored for ever: never rename one. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { RequestMark } from '../command.ts';

export interface ProjectCreated {
  readonly type: 'project-created';
  readonly projectId: ProjectId;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly request?: RequestMark;
}
export interface ProjectUpdated {
  readonly type: 'project-updated';
  readonly projectId: ProjectId;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
}
export interface ProjectDeleted {
  readonly type: 'project-deleted';
  readonly projectId: ProjectId;
  readonly name: string;
}

export type ProjectEvent = ProjectCreated | ProjectUpdated | ProjectDeleted;
