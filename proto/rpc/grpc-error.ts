/**
 * Translates between ClusterError and gRPC status: the one place that knows grpc-js's own failures. A bug goes
 * out as an incident number only, and UNKNOWN never does.
 */
import { randomBytes } from 'node:crypto';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ClusterError, type ErrorKind, isClusterError, toClusterError } from '../errors/cluster-error.ts';
import { STATUS_TABLE } from '../errors/status-table.ts';
import type { Logger } from '../ports/index.ts';
import { ERROR_TRAILER, fromErrorDetailBytes, toErrorDetailBytes } from '../wire/error-wire.ts';

export interface OutgoingStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What leaves the house in place of a bug. The number finds the log line that holds the cause. */
export function toPublicError(error: unknown, logger: Logger, method: string): ClusterError {
  const known = toClusterError(error);
  if (known.kind !== 'bug' && known.kind !== 'corrupt') return known;
  const incident = `inc_${randomBytes(6).toString('hex')}`;
  logger.error('a call failed by a fault of ours', { incident, method, error: known });
  if (known.kind === 'corrupt') return known;
  return new ClusterError('bug', 'INTERNAL', 'an unexpected error happened', {
    details: { incident },
    hint: "give the incident's number to the operator: the server's log has the cause",
  });
}

export function toOutgoingStatus(error: unknown, logger: Logger, method: string): OutgoingStatus {
  const shown = toPublicError(error, logger, method);
  const metadata = new Metadata();
  metadata.set(ERROR_TRAILER, Buffer.from(toErrorDetailBytes(shown)));
  // Lone surrogates would make grpc-js throw while it percent-encodes the message.
  const details = Buffer.from(shown.message).toString();
  return { code: STATUS_TABLE[shown.kind].grpc, details, metadata };
}

interface ForeignRow {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const row = (kind: ErrorKind, code: string, message: string, hint: string): ForeignRow => ({
  kind,
  code,
  message,
  hint,
});

/** Statuses that arrive without our trailer: grpc-js itself, a proxy or a foreign server made them. */
const FOREIGN_ROWS: Readonly<Record<number, ForeignRow>> = {
  [status.CANCELLED]: row('cancelled', 'CALL_CANCELLED', 'the call was cancelled', ''),
  [status.INVALID_ARGUMENT]: row('invalid', 'REQUEST_REFUSED', 'the request is not valid', ''),
  [status.DEADLINE_EXCEEDED]: row(
    'deadline',
    'CALL_DEADLINE',
    'the call ran out of time, so its outcome is not known',
    'look at the present state before you repeat it',
  ),
  [status.NOT_FOUND]: row('not-found', 'NOT_FOUND', 'the thing does not exist', ''),
  [status.PERMISSION_DENIED]: row('forbidden', 'FORBIDDEN', 'the call is not allowed', ''),
  [status.RESOURCE_EXHAUSTED]: row(
    'quota',
    'MESSAGE_TOO_LARGE',
    'a message is larger than the other end takes',
    'send less in one request, or raise the message limit of the server',
  ),
  [status.UNIMPLEMENTED]: row(
    'unsupported',
    'METHOD_UNKNOWN',
    'the server does not know this call',
    'compare the versions of client and server',
  ),
  [status.UNAUTHENTICATED]: row('unauthenticated', 'TOKEN_REFUSED', 'the token was refused', 'log in again'),
};

const UNREACHABLE = row(
  'unavailable',
  'SERVER_UNREACHABLE',
  'the server cannot be reached',
  'check that it runs and that the address is right',
);
const CONNECTION_LOST = row(
  'unavailable',
  'CONNECTION_LOST',
  'the connection to the server was lost',
  'try again; the outcome of what was under way is not known',
);
const TLS_REFUSED = row(
  'unavailable',
  'TLS_REFUSED',
  "the server's certificate is not trusted",
  "log in again with the server's present CA certificate, or check the address",
);
const PROTOCOL_BROKEN = row(
  'unavailable',
  'PROTOCOL_BROKEN',
  'the other end does not speak this protocol',
  'check that the address is the gRPC port of a Nabla server',
);

const TLS_PATTERN = /certificate|self.signed|altname|CERT_|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_TLS/i;
/** Text of grpc-js for a connection that never came to be. */
const NEVER_CONNECTED =
  /No connection established|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|Name resolution failed|EHOSTUNREACH/i;
const REASON_CHARACTERS_MAX = 300;

function chooseForeignRow(code: number, reason: string): ForeignRow {
  const known = FOREIGN_ROWS[code];
  if (known !== undefined) return known;
  if (code !== status.UNAVAILABLE) return PROTOCOL_BROKEN;
  if (TLS_PATTERN.test(reason)) return TLS_REFUSED;
  return NEVER_CONNECTED.test(reason) ? UNREACHABLE : CONNECTION_LOST;
}

/** A failed call as the ClusterError that the server meant, or as what the connection's failure means. */
export function fromCallError(error: unknown, address: string): ClusterError {
  if (isClusterError(error)) return error;
  const failure = error as Partial<ServiceError> | undefined;
  const code = failure?.code;
  if (typeof code !== 'number') return toClusterError(error);
  const trailer = failure?.metadata?.get(ERROR_TRAILER)[0];
  const rebuilt = trailer instanceof Uint8Array ? fromErrorDetailBytes(trailer) : undefined;
  if (rebuilt !== undefined) return rebuilt;
  const reason = (failure?.details ?? '').slice(0, REASON_CHARACTERS_MAX);
  const { kind, code: name, message, hint } = chooseForeignRow(code, reason);
  return new ClusterError(kind, name, message, {
    hint,
    details: { address, ...(reason === '' ? {} : { reason }) },
    cause: error,
  });
}
