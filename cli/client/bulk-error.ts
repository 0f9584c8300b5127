/**
 * Translates failures of the HTTP side: error bodies of the controller and errors of the connection.
 */
import type { IncomingMessage } from 'node:http';
import {
  ClusterError,
  ERROR_KINDS,
  type ErrorKind,
  isClusterError,
} from '../../proto/errors/cluster-error.ts';
import { STATUS_TABLE } from '../../proto/errors/status-table.ts';

/** Largest error body that is read. */
const ERROR_BODY_BYTES_MAX = 64 * 1024;

const BROKEN: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** A connection failure as `unavailable`, a TLS one as `unauthenticated`; errors of our own unchanged. */
export function fromHttpFailure(error: unknown, address: string): unknown {
  if (isClusterError(error)) return error;
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  if (code === 'ABORT_ERR') {
    return new ClusterError('cancelled', 'CALL_CANCELLED', 'the call was cancelled', { cause: error });
  }
  if (/CERT|SIGNED|ERR_TLS|ERR_SSL/.test(code)) {
    return new ClusterError(
      'unauthenticated',
      'TLS_NOT_TRUSTED',
      'the certificate of the controller is not trusted',
      {
        details: { address },
        hint: "give the controller's CA with --ca-file",
        cause: error,
      },
    );
  }
  const message = BROKEN.has(code)
    ? 'the controller cannot be reached'
    : 'the connection to the controller broke';
  return new ClusterError('unavailable', 'CONTROLLER_UNREACHABLE', message, {
    details: { lookedAt: address },
    hint: 'check that the controller runs there',
    cause: error,
  });
}

/** The error that an answer's body tells, or one by its status. */
export async function readHttpError(answer: IncomingMessage, address: string): Promise<ClusterError> {
  const status = answer.statusCode ?? 500;
  const parsed = parseBody(await readBounded(answer));
  if (parsed !== undefined) return parsed;
  const kind = ERROR_KINDS.find((candidate) => STATUS_TABLE[candidate].http === status) ?? 'unavailable';
  return new ClusterError(kind, 'HTTP_STATUS', 'the controller refused the request', {
    details: { status: String(status), address },
    hint: 'compare the versions of CLI and controller',
  });
}

async function readBounded(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += (chunk as Buffer).length;
    if (size > ERROR_BODY_BYTES_MAX) break;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text: string): ClusterError | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> };
    if (typeof error !== 'object' || error === null) return undefined;
    const kind = ERROR_KINDS.find((candidate) => candidate === error['kind']) as ErrorKind | undefined;
    if (kind === undefined) return undefined;
    const fields = Array.isArray(error['fields'])
      ? (error['fields'] as { path: string; reason: string }[])
      : [];
    return new ClusterError(kind, String(error['code']), String(error['message']), {
      hint: String(error['hint'] ?? ''),
      fields: fields.map(({ path, reason }) => ({ path: String(path), reason: String(reason) })),
      details: (error['details'] ?? {}) as Record<string, string>,
    });
  } catch {
    // Not an error of ours (a proxy's page): the status tells what there is to tell.
    return undefined;
  }
}
