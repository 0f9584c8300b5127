/**
 * Why a certificate or a join is refused, each with what to do about it: agents write these into their logs.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

const REJOIN = 'join again with a token of nabla hosts join-token --host HOST';

export function certificateInvalid(reason: string, cause?: unknown): ClusterError {
  return new ClusterError(
    'unauthenticated',
    'CERTIFICATE_REFUSED',
    'the certificate is not one of this cluster',
    {
      hint: REJOIN,
      details: { reason },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

export function certificateExpired(notAfterMs: number): ClusterError {
  return new ClusterError(
    'unauthenticated',
    'CERTIFICATE_EXPIRED',
    'the certificate of this host has expired',
    {
      hint: REJOIN,
      details: { notAfter: new Date(notAfterMs).toISOString() },
    },
  );
}

export function certificateNotYetValid(): ClusterError {
  return new ClusterError(
    'unauthenticated',
    'CERTIFICATE_NOT_YET_VALID',
    'the certificate begins in the future',
    {
      hint: 'compare the clocks of agent and controller',
    },
  );
}

export function hostRevoked(): ClusterError {
  return new ClusterError('unauthenticated', 'HOST_REVOKED', 'the certificate of this host was revoked', {
    hint: REJOIN,
  });
}

export function joinTokenRefused(): ClusterError {
  return new ClusterError(
    'unauthenticated',
    'JOIN_TOKEN_REFUSED',
    'the join token is unknown or has expired',
    {
      hint: 'make another with nabla hosts join-token',
    },
  );
}
