/**
 * ClusterErrors as HTTP answers, and the refusals that only HTTP has. A bug goes out as an incident number.
 */
import { randomBytes } from 'node:crypto';
import { ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import { STATUS_TABLE } from '../../proto/errors/status-table.ts';
import type { Logger } from '../../proto/ports/index.ts';

/** Codes whose HTTP status says more than their kind's. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  SHA256_MISMATCH: 422,
  METHOD_NOT_ALLOWED: 405,
  LENGTH_REQUIRED: 411,
  BLOB_TOO_LARGE: 413,
  WORKSPACE_TOO_LARGE: 413,
  RANGE_INVALID: 416,
  DISK_FULL: 507,
};

export interface HttpFailure {
  readonly status: number;
  readonly body: string;
}

export function toHttpFailure(error: unknown, logger: Logger, route: string): HttpFailure {
  const shown = toShownError(toClusterError(error), logger, route);
  const { kind, code, message, hint, fields, details, retryAfterMs } = shown;
  const body = JSON.stringify({
    error: {
      kind,
      code,
      message,
      hint,
      fields,
      details,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
  return { status: STATUS_OF_CODE[code] ?? STATUS_TABLE[kind].http, body: `${body}\n` };
}

function toShownError(error: ClusterError, logger: Logger, route: string): ClusterError {
  if (error.kind !== 'bug' && error.kind !== 'corrupt') return error;
  const incident = `inc_${randomBytes(6).toString('hex')}`;
  logger.error('a request failed by a fault of ours', { incident, route, error });
  if (error.kind === 'corrupt') return error;
  return new ClusterError('bug', 'INTERNAL', 'an unexpected error happened', {
    details: { incident },
    hint: "give the incident's number to the operator: the controller's log has the cause",
  });
}

export function routeNotFound(): ClusterError {
  return new ClusterError('not-found', 'ROUTE_NOT_FOUND', 'there is nothing at this address', {
    hint: 'the guide to the data plane lists the routes',
  });
}

export function methodNotAllowed(allowed: readonly string[]): ClusterError {
  return new ClusterError('invalid', 'METHOD_NOT_ALLOWED', 'the address does not take this method', {
    hint: `use ${allowed.join(' or ')}`,
  });
}

export function headerInvalid(name: string, reason: string): ClusterError {
  return new ClusterError('invalid', 'HEADER_INVALID', 'a header of the request is not valid', {
    hint: `set ${name} as the guide to the data plane says`,
    fields: [{ path: name, reason }],
  });
}

export function parameterInvalid(path: string, reason: string): ClusterError {
  return new ClusterError('invalid', 'PARAMETER_INVALID', 'a part of the address is not valid', {
    hint: 'correct the part that is named',
    fields: [{ path, reason }],
  });
}

/** The sender stopped in the middle. */
export function bodyCut(cause: unknown): ClusterError {
  return new ClusterError('cancelled', 'BODY_CUT', 'the request ended before its body did', {
    hint: 'send it again, or resume where it stopped',
    cause,
  });
}
