/**
 * Failures to reach the controller, told with where the CLI looked and how to look elsewhere.
 */
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';

export interface Whereabouts {
  readonly where: string;
  readonly foundBy: string;
}

/** What the RPC layer says of a connection; any other `unavailable` is the controller's own word. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'SERVER_UNREACHABLE',
  'CONNECTION_LOST',
  'TLS_REFUSED',
  'PROTOCOL_BROKEN',
]);
const UNREACHABLE_HINT =
  'check that the controller runs there, or choose another with --url, --profile or NABLA_URL';

/** An error of the connection with the address and what chose it; every other error unchanged. */
export function toConnectionError(error: unknown, told: Whereabouts): unknown {
  if (!isClusterError(error) || !CONNECTION_CODES.has(error.code)) return error;
  if (error.details['lookedAt'] !== undefined) return error;
  return new ClusterError(error.kind, error.code, error.message, {
    details: { lookedAt: told.where, chosenBy: told.foundBy },
    hint: error.code === 'SERVER_UNREACHABLE' ? UNREACHABLE_HINT : error.hint,
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}

/** The answer of a call, or its failure with its whereabouts. */
export async function relabel<T>(call: Promise<T>, told: Whereabouts): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw toConnectionError(error, told);
  }
}

/** A stream converted message by message; undefined conversions are left out. */
export async function* relabelStream<W, T>(
  stream: AsyncIterable<W>,
  told: Whereabouts,
  convert: (message: W) => T | undefined,
): AsyncGenerator<T, void, undefined> {
  try {
    for await (const message of stream) {
      const converted = convert(message);
      if (converted !== undefined) yield converted;
    }
  } catch (error) {
    throw toConnectionError(error, told);
  }
}
