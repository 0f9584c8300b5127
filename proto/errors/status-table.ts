/**
 * Error kind to gRPC status, HTTP status and CLI exit code: the one table that every door uses.
 */
import type { ErrorKind } from './cluster-error.ts';

export interface StatusRow {
  /** Number of the gRPC status code. */
  readonly grpc: number;
  readonly http: number;
  readonly exitCode: number;
}

export const STATUS_TABLE: Readonly<Record<ErrorKind, StatusRow>> = {
  invalid: { grpc: 3, http: 400, exitCode: 2 },
  'not-found': { grpc: 5, http: 404, exitCode: 4 },
  exists: { grpc: 6, http: 409, exitCode: 5 },
  precondition: { grpc: 9, http: 412, exitCode: 6 },
  conflict: { grpc: 10, http: 409, exitCode: 7 },
  gone: { grpc: 11, http: 410, exitCode: 7 },
  quota: { grpc: 8, http: 429, exitCode: 8 },
  unavailable: { grpc: 14, http: 503, exitCode: 9 },
  deadline: { grpc: 4, http: 504, exitCode: 9 },
  cancelled: { grpc: 1, http: 499, exitCode: 130 },
  unauthenticated: { grpc: 16, http: 401, exitCode: 3 },
  forbidden: { grpc: 7, http: 403, exitCode: 3 },
  unsupported: { grpc: 12, http: 501, exitCode: 10 },
  corrupt: { grpc: 15, http: 500, exitCode: 70 },
  bug: { grpc: 13, http: 500, exitCode: 70 },
};
