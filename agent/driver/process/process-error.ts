/**
 * What shells and the kernel say about a start that failed, as coded errors.
 */
import { ClusterError, isClusterError } from '../../../proto/errors/cluster-error.ts';
import { driverUnavailable, folderMissing, mountMissing } from '../driver-error.ts';
import { MISSING_PATH } from './start-script.ts';

/** Longest piece of a message that is kept. */
const TEXT_MAX = 500;

const GROUP_GONE = 'CONTROL_GROUP_GONE';

/** Whether a start failed only because its control group had been removed by somebody. */
export function isGroupGone(error: unknown): boolean {
  return isClusterError(error) && error.code === GROUP_GONE;
}

/** `text`: the wrapper's own stderr. Never the user's words: the wrapper writes before the command begins. */
export function toStartError(text: string): ClusterError {
  const reason = text.slice(0, TEXT_MAX);
  if (/no space left|disk quota/i.test(text)) {
    return new ClusterError('unavailable', 'DISK_FULL', 'the disk is full', {
      hint: 'free some space on that file system and try again',
      details: { reason },
    });
  }
  if (text.startsWith(MISSING_PATH)) return mountMissing(reason.slice(MISSING_PATH.length));
  if (/cgroup\.procs|memory\.|cpu\.|pids\.max/.test(text) && /nonexistent|no such/i.test(text)) {
    return new ClusterError('unavailable', GROUP_GONE, 'the control group of the task is gone', {
      hint: 'try again, and look for another program that removes control groups on that host',
      details: { reason },
    });
  }
  if (/can't cd to|\bcd:/i.test(text)) return folderMissing(reason);
  return driverUnavailable(reason === '' ? 'the wrapper ended' : reason);
}
