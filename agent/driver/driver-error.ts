/**
 * The refusals and failures that more than one driver reports, each with its stable code and what to do about it.
 */

import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';

export function commandNotFound(program: string, cause?: unknown): ClusterError {
  return new ClusterError('invalid', 'COMMAND_NOT_FOUND', 'the command was not found or cannot be run', {
    hint: 'check its spelling, its execute permission, and PATH; a shell line needs --command',
    details: { program },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function portInUse(port: number, cause?: unknown): ClusterError {
  return new ClusterError('precondition', 'PORT_IN_USE', 'a port of the host is taken', {
    hint: 'ask for another port, or leave the choice to Nabla',
    details: { port: String(port) },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function mountMissing(source: string, cause?: unknown): ClusterError {
  return new ClusterError(
    'precondition',
    'MOUNT_MISSING',
    'a folder that the task needs is not on the host',
    {
      hint: 'check that the storage is mounted on this host',
      details: { source },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

export function mountTargetUnavailable(target: string): ClusterError {
  return new ClusterError(
    'invalid',
    'MOUNT_TARGET_UNAVAILABLE',
    'a mount lies inside a read-only system folder',
    {
      hint: 'mount it outside the folders of the host, for example at the top',
      details: { target },
    },
  );
}

export function folderMissing(folder: string): ClusterError {
  return new ClusterError('invalid', 'WORKING_DIRECTORY_MISSING', 'the working directory does not exist', {
    hint: 'create it in the workspace or choose another one',
    details: { folder },
  });
}

export function driverUnavailable(reason: string, cause?: unknown): ClusterError {
  return new ClusterError('unavailable', 'DRIVER_UNAVAILABLE', 'the container driver cannot be used', {
    hint: 'try again, and look at the log of the agent on that host',
    details: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function taskAbsent(key: TaskKey): ClusterError {
  return new ClusterError('not-found', 'TASK_NOT_FOUND', 'the host has no such task', {
    hint: 'it may have been removed already',
    details: { task: toTaskName(key) },
  });
}

export function taskRunning(key: TaskKey): ClusterError {
  return new ClusterError('precondition', 'TASK_RUNNING', 'the task is still running', {
    hint: 'stop it first',
    details: { task: toTaskName(key) },
  });
}

export function taskEnded(key: TaskKey): ClusterError {
  return new ClusterError('precondition', 'TASK_ENDED', 'the task has ended', {
    hint: 'commands can only be run in a running task',
    details: { task: toTaskName(key) },
  });
}

export function startCancelled(): ClusterError {
  return new ClusterError('cancelled', 'START_CANCELLED', 'the start was called off');
}

export function unsupported(code: string, message: string, hint: string): ClusterError {
  return new ClusterError('unsupported', code, message, { hint });
}
