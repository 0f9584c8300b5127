/** Commands about users, their tokens and their places in projects. Who may give them is asked at the door. */
import type { ClusterRole, ProjectRole } from '../../../proto/domain/identity.ts';
import type { TokenId, UserId } from '../../../proto/domain/ids.ts';

export type IdentityCommand =
  | {
      readonly type: 'create-user';
      readonly id: UserId;
      readonly name: string;
      readonly role: ClusterRole;
    }
  | { readonly type: 'change-user-role'; readonly user: string; readonly role: ClusterRole }
  | { readonly type: 'revoke-user'; readonly user: string }
  | {
      readonly type: 'create-token';
      readonly id: TokenId;
      readonly user: string;
      readonly name: string;
      /** sha256 of the token, 64 hex digits. The token itself never gets here. */
      readonly digest: string;
      /** Absent: good until revoked. */
      readonly lifetimeMs?: number;
    }
  | { readonly type: 'revoke-token'; readonly token: TokenId }
  | {
      readonly type: 'add-member';
      readonly project: string;
      readonly user: string;
      readonly role: ProjectRole;
      /** Administrators alone may leave a project without an owner. */
      readonly byAdmin?: boolean;
    }
  | {
      readonly type: 'remove-member';
      readonly project: string;
      readonly user: string;
      readonly byAdmin?: boolean;
    };
