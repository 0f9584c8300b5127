/**
 * The one door from commands to events. Pure: reads state, changes nothing, and gives the same answer to the same
 * command on the same state.
 */

import type { ProjectId } from '../../proto/domain/ids.ts';
import { assertNever } from '../../proto/errors/cluster-error.ts';
import type { Command, CommandContext } from './command.ts';
import type { Decision } from './decision.ts';
import { accept, refuse } from './decision.ts';
import { decideAboutHost } from './host/decide-about-host.ts';
import { decideRegisterHost } from './host/decide-register.ts';
import type { IdentityCommand } from './identity/commands.ts';
import { decideAddMember, decideRemoveMember } from './identity/decide-member.ts';
import { decideCreateToken, decideRevokeToken } from './identity/decide-token.ts';
import { decideChangeUserRole, decideCreateUser, decideRevokeUser } from './identity/decide-user.ts';
import { decideCreateJob } from './job/decide-create-job.ts';
import { decideDeclareLost } from './job/decide-declare-lost.ts';
import { decideJobChange } from './job/decide-job-change.ts';
import { decideDeleteJob, decideRetryJob, decideStopJob, decideTagJob } from './job/decide-job-order.ts';
import { decideObservation } from './job/decide-observation.ts';
import { decidePreemption } from './job/decide-preemption.ts';
import { decideEndDependents, withDependents } from './job/dependencies.ts';
import {
  decideAliasMachineType,
  decideCreateMachineType,
  decideDeleteMachineType,
} from './machine-type/decide-machine-type.ts';
import { decidePlacement } from './placement/decide-placement.ts';
import { decideScheduling } from './policy/decide-scheduling.ts';
import {
  DEFAULT_PROJECT_NAME,
  decideCreateProject,
  decideDeleteProject,
  decideUpdateProject,
} from './project/decide-project.ts';
import type { ClusterReader } from './reader.ts';
import { decideDeleteSecret, decideSetSecret } from './secret/decide-secret.ts';

/** The first command of every log: given by the store when it finds an empty one, never by a caller. */
export interface FoundCluster {
  readonly type: 'found-cluster';
  readonly clusterId: string;
  readonly projectId: ProjectId;
}

type JobOrderType =
  | 'create-job'
  | 'stop-job'
  | 'delete-job'
  | 'retry-job'
  | 'hold-job'
  | 'release-job'
  | 'update-job'
  | 'tag-job';

/** What the command does to the state behind `reader`, or why not. Never throws, never mutates. */
export function decide(
  reader: ClusterReader,
  command: Command | FoundCluster,
  context: CommandContext,
): Decision {
  return withDependents(reader, decideAlone(reader, command, context));
}

/** Without what follows for jobs that come after others. */
function decideAlone(
  reader: ClusterReader,
  command: Command | FoundCluster,
  context: CommandContext,
): Decision {
  switch (command.type) {
    case 'found-cluster':
      return decideFoundCluster(reader, command);
    case 'create-project':
      return decideCreateProject(reader, command, context);
    case 'update-project':
      return decideUpdateProject(reader, command);
    case 'delete-project':
      return decideDeleteProject(reader, command);
    case 'set-secret':
      return decideSetSecret(reader, command);
    case 'delete-secret':
      return decideDeleteSecret(reader, command);
    case 'create-user':
    case 'change-user-role':
    case 'revoke-user':
    case 'create-token':
    case 'revoke-token':
    case 'add-member':
    case 'remove-member':
      return decideAboutPeople(reader, command, context);
    case 'create-machine-type':
      return decideCreateMachineType(reader, command);
    case 'delete-machine-type':
      return decideDeleteMachineType(reader, command);
    case 'alias-machine-type':
      return decideAliasMachineType(reader, command);
    case 'create-job':
    case 'stop-job':
    case 'delete-job':
    case 'retry-job':
    case 'hold-job':
    case 'release-job':
    case 'update-job':
    case 'tag-job':
      return decideAboutJob(reader, command, context);
    case 'create-queue':
    case 'update-queue':
    case 'delete-queue':
    case 'set-quota':
    case 'delete-quota':
    case 'set-policy':
    case 'create-reservation':
    case 'delete-reservation':
      return decideScheduling(reader, command, context);
    case 'register-host':
      return decideRegisterHost(reader, command);
    case 'create-join-token':
    case 'join-host':
    case 'renew-certificate':
    case 'revoke-host':
    case 'note-contested':
    case 'cordon-host':
    case 'uncordon-host':
    case 'drain-host':
    case 'enforce-drain':
    case 'remove-host':
      return decideAboutHost(reader, command, context);
    case 'observe-tasks':
      return decideObservation(reader, command, context);
    case 'declare-lost':
    case 'place-jobs':
    case 'preempt-jobs':
    case 'end-dependents':
      return decideDuty(reader, command, context);
    default:
      return assertNever(command);
  }
}

function decideAboutPeople(
  reader: ClusterReader,
  command: IdentityCommand,
  context: CommandContext,
): Decision {
  switch (command.type) {
    case 'create-user':
      return decideCreateUser(reader, command);
    case 'change-user-role':
      return decideChangeUserRole(reader, command);
    case 'revoke-user':
      return decideRevokeUser(reader, command);
    case 'create-token':
      return decideCreateToken(reader, command, context);
    case 'revoke-token':
      return decideRevokeToken(reader, command);
    case 'add-member':
      return decideAddMember(reader, command);
    case 'remove-member':
      return decideRemoveMember(reader, command);
    default:
      return assertNever(command);
  }
}

type DutyType = 'declare-lost' | 'place-jobs' | 'preempt-jobs' | 'end-dependents';

/** What the controller asks of itself. */
function decideDuty(
  reader: ClusterReader,
  command: Extract<Command, { readonly type: DutyType }>,
  context: CommandContext,
): Decision {
  switch (command.type) {
    case 'declare-lost':
      return decideDeclareLost(reader, command, context);
    case 'place-jobs':
      return decidePlacement(reader, command);
    case 'preempt-jobs':
      return decidePreemption(reader, command);
    case 'end-dependents':
      return decideEndDependents(reader);
    default:
      return assertNever(command);
  }
}

function decideAboutJob(
  reader: ClusterReader,
  command: Extract<Command, { readonly type: JobOrderType }>,
  context: CommandContext,
): Decision {
  switch (command.type) {
    case 'create-job':
      return decideCreateJob(reader, command, context);
    case 'stop-job':
      return decideStopJob(reader, command);
    case 'delete-job':
      return decideDeleteJob(reader, command);
    case 'retry-job':
      return decideRetryJob(reader, command, context);
    case 'hold-job':
    case 'release-job':
    case 'update-job':
      return decideJobChange(reader, command);
    case 'tag-job':
      return decideTagJob(reader, command);
    default:
      return assertNever(command);
  }
}

function decideFoundCluster(reader: ClusterReader, command: FoundCluster): Decision {
  if (reader.clusterId !== '') {
    return refuse('precondition', 'CLUSTER_FOUNDED', 'this cluster was founded already', {
      hint: 'open it as it is',
    });
  }
  return accept(command.clusterId, [
    { type: 'cluster-founded', clusterId: command.clusterId },
    {
      type: 'project-created',
      projectId: command.projectId,
      name: DEFAULT_PROJECT_NAME,
      description: 'where work goes that names no project',
      tags: [],
    },
  ]);
}
