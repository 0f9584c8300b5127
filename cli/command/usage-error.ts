/**
 * Errors of the command line itself: wrong words, wrong flags, features that are not there.
 */
import { ClusterError, type FieldViolation } from '../../proto/errors/cluster-error.ts';

/** Wrong use of the command line, exit 2. */
export function usageError(
  code: string,
  message: string,
  hint: string,
  fields: readonly FieldViolation[] = [],
): ClusterError {
  return new ClusterError('invalid', code, message, { hint, fields });
}

/** A feature that is not there, exit 10. */
export function unsupportedError(what: string, hint: string): ClusterError {
  return new ClusterError('unsupported', 'FEATURE_NOT_AVAILABLE', `${what} is not available`, { hint });
}
