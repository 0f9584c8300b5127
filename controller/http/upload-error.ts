/**
 * Refusals of workspace uploads.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';

export function workspaceTooLarge(bytes: number, sizeMax: number): ClusterError {
  return new ClusterError('invalid', 'WORKSPACE_TOO_LARGE', 'the workspace is too large', {
    hint: 'leave large files out with .nablaignore, or put them into /storage',
    details: { bytes: String(bytes), sizeMax: String(sizeMax) },
    fields: [{ path: 'workspace', reason: `must be at most ${sizeMax} bytes` }],
  });
}

export function offsetMismatch(heldBytes: number): ClusterError {
  return new ClusterError(
    'conflict',
    'UPLOAD_OFFSET_MISMATCH',
    'the upload does not go on where it stopped',
    {
      hint: 'ask with HEAD for the bytes that are held and go on from there',
      details: { heldBytes: String(heldBytes) },
    },
  );
}

export function uploadDisplaced(): ClusterError {
  return new ClusterError('conflict', 'UPLOAD_DISPLACED', 'another upload of the same content took over', {
    hint: 'ask with HEAD for the bytes that are held and go on from there',
  });
}
