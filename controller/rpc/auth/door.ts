/**
 * The one door of gRPC and HTTP: who is it, may they make such a call, and, once the request is there, may they in
 * the project that it names. A project that the caller may not see answers exactly as one that does not exist,
 * because it is looked for among the visible ones only.
 */
import type { Project } from '../../../proto/domain/catalog.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import { ANONYMOUS, type Caller } from '../../../proto/rpc/call-context.ts';
import type { PeerConnection } from '../../../proto/rpc/peer-connection.ts';
import type { Engine } from '../../core/engine.ts';
import { found } from '../../core/found-record.ts';
import {
  type Access,
  accessOf,
  findDefaultProject,
  findVisibleProject,
  mayInProject,
  projectRoleOf,
  seesAll,
} from '../../core/identity/access.ts';
import { DEFAULT_PROJECT_NAME } from '../../core/project/decide-project.ts';
import type { ClusterView } from '../../core/view.ts';
import { optionalReference, requireReference } from '../request-field.ts';
import { authorise, isOfMachines, methodForbidden, type ProjectRule, ruleOf } from './authorisation.ts';
import { createLeases } from './leases.ts';
import type { Permit } from './permit.ts';
import { createRequestLimit } from './request-limit.ts';
import { createStreamLimit } from './stream-limit.ts';
import { tokenRefused } from './tokens.ts';
import { tokenExpired } from './user-tokens.ts';

/** What a request shows of who makes it. */
export interface Credentials {
  readonly token: string | undefined;
  /** Where its certificate is, if it has one. */
  readonly connection: PeerConnection | undefined;
  /** Network address of the other end, without its port. */
  readonly address: string;
}

/** @throws ClusterError unauthenticated; quota TOO_MANY_ATTEMPTS */
export type Identify = (credentials: Credentials) => Caller;

export interface Door {
  /** By the headers. @throws ClusterError unauthenticated; forbidden METHOD_FORBIDDEN */
  admit(call: string, credentials: Credentials): Caller;
  /**
   * By the request, and by what the caller is now: its headers may be old. `ref` is the project as it names it,
   * undefined when its kind of request names none.
   *
   * @throws ClusterError unauthenticated TOKEN_REFUSED, not-found PROJECT_NOT_FOUND, invalid PROJECT_AMBIGUOUS
   *   or PROJECT_NOT_NAMED, forbidden METHOD_FORBIDDEN
   */
  permit(call: string, caller: Caller, ref: string | undefined): Permit;
  /**
   * Calls `onEnd` once, when the permit no longer holds: a role or token was taken away, or the token expired.
   * Returns how to stop looking.
   *
   * @throws ClusterError quota TOO_MANY_STREAMS
   */
  hold(permit: Permit, onEnd: (error: ClusterError) => void): () => void;
  /**
   * As hold, for a plain request: counted as a request of its caller, or of its address when it shows no token.
   *
   * @throws ClusterError quota TOO_MANY_REQUESTS
   */
  holdRequest(permit: Permit, address: string, onEnd: (error: ClusterError) => void): () => void;
  close(): void;
}

export interface DoorOptions {
  readonly engine: Pick<Engine, 'peek' | 'onCommit'>;
  readonly identify: Identify;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs' | 'after'>;
}

export function createDoor({ engine, identify, clock }: DoorOptions): Door {
  const look = (permit: Permit): void => {
    engine.peek((view) => recheck(view, permit, clock.nowMs()));
  };
  const leases = createLeases({ engine, clock, check: look });
  const streams = createStreamLimit(clock);
  const requests = createRequestLimit(clock);
  const holdCounted = (permit: Permit, leave: () => void, onEnd: (error: ClusterError) => void) => {
    const release = leases.hold(permit, onEnd);
    return () => {
      release();
      leave();
    };
  };
  return {
    admit(call, credentials) {
      const caller = ruleOf(call) === 'open' ? ANONYMOUS : identify(credentials);
      authorise(call, caller.roles);
      return caller;
    },
    permit(call, caller, ref) {
      const rule = ruleOf(call);
      if (typeof rule === 'object') {
        return engine.peek((view) =>
          permitInProject(view, { call, caller, rule, ref, nowMs: clock.nowMs() }),
        );
      }
      const permit: Permit = { call, caller, projectId: undefined, ref: '' };
      // Callers may hold a request back behind its headers for as long as they like.
      look(permit);
      return permit;
    },
    hold: (permit, onEnd) => holdCounted(permit, streams.enter(permit.caller.principal), onEnd),
    holdRequest(permit, address, onEnd) {
      const { principal } = permit.caller;
      const from = permit.caller === ANONYMOUS ? `${principal} ${address}` : principal;
      return holdCounted(permit, requests.enter(from), onEnd);
    },
    close: leases.close,
  };
}

interface Question {
  readonly call: string;
  readonly caller: Caller;
  readonly rule: ProjectRule;
  readonly ref: string | undefined;
  readonly nowMs: number;
}

function permitInProject(view: ClusterView, { call, caller, rule, ref = '', nowMs }: Question): Permit {
  const access = requireAccess(view, caller, nowMs);
  const named =
    rule.project === 'named' ? requireReference(ref, 'project') : optionalReference(ref, 'project');
  if (named === '' && rule.project === 'cluster' && !seesAll(access)) throw methodForbidden(call, 'operator');
  if (named === '' && rule.project !== 'default') return { call, caller, projectId: undefined, ref };
  const asked = named === '' ? DEFAULT_PROJECT_NAME : named;
  const { id } = named === '' ? defaultProject(view, access) : foundVisibleProject(view, access, named);
  if (!mayInProject(view, access, id, rule.least)) throw methodForbidden(call, rule);
  return { call, caller, projectId: id, ref: asked };
}

/** @throws as {@link Door.permit} would now, whatever the project is called meanwhile */
function recheck(view: ClusterView, { call, caller, projectId, ref }: Permit, nowMs: number): void {
  const rule = ruleOf(call);
  if (isOfMachines(rule)) return;
  const access = requireAccess(view, caller, nowMs);
  authorise(call, [access.role]);
  if (projectId === undefined || typeof rule !== 'object') return;
  const exists = view.project(projectId) !== undefined;
  if (!exists || projectRoleOf(view, access, projectId) === undefined) {
    found({ found: false, why: 'absent', matches: [] }, { ref, noun: 'project', list: 'projects list' });
  }
  if (!mayInProject(view, access, projectId, rule.least)) throw methodForbidden(call, rule);
}

/** @throws ClusterError unauthenticated TOKEN_REFUSED when what the token stood for is gone, or TOKEN_EXPIRED */
export function requireAccess(view: ClusterView, caller: Caller, nowMs: number): Access {
  const access = accessOf(view, caller, nowMs);
  if (access !== undefined) return access;
  const token = caller.tokenId === undefined ? undefined : view.identity.token(caller.tokenId);
  throw (token?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs ? tokenExpired() : tokenRefused();
}

/** @throws ClusterError invalid PROJECT_NOT_NAMED, whether or not there are projects that the caller does not see */
function defaultProject(view: ClusterView, access: Access): Project {
  const lookup = findDefaultProject(view, access);
  if (lookup.found) return lookup.record;
  throw new ClusterError('invalid', 'PROJECT_NOT_NAMED', 'no project was named and you have no default one', {
    hint: 'add --project, or list yours with nabla projects list',
  });
}

/** @throws ClusterError as foundProject, for hidden projects too */
export function foundVisibleProject(view: ClusterView, access: Access, ref: string) {
  return found(findVisibleProject(view, access, ref), { ref, noun: 'project', list: 'projects list' });
}
