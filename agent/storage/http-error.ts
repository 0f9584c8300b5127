/**
 * Errors of sockets and TLS as ClusterErrors. None of them says that a request was not carried out, so all
 * requests of the agent are idempotent.
 */
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';

const TLS_CODES = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** A ClusterError passes through. */
export function toHttpError(error: unknown): ClusterError {
  if (isClusterError(error)) return error;
  const { code = '', name = '' } = (error ?? {}) as { readonly code?: string; readonly name?: string };
  if (name === 'AbortError' || code === 'ABORT_ERR') {
    return new ClusterError('cancelled', 'REQUEST_CANCELLED', 'a request was given up', { cause: error });
  }
  if (TLS_CODES.has(code)) {
    return new ClusterError(
      'unauthenticated',
      'CONTROLLER_NOT_TRUSTED',
      'the controller has another certificate',
      {
        details: { reason: code },
        hint: 'give the agent the CA file of this controller',
        cause: error,
      },
    );
  }
  return new ClusterError('unavailable', 'CONTROLLER_UNREACHABLE', 'the controller cannot be reached', {
    details: { reason: code === '' ? String(error).slice(0, 200) : code },
    hint: 'check the network between agent and controller',
    cause: error,
  });
}
