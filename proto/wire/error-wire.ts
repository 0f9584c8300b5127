/**
 * ClusterError as the ErrorDetail message of the status trailer, and back. Bounded, because trailers are.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClusterError, ERROR_KINDS, type ErrorKind } from '../errors/cluster-error.ts';
import { ErrorDetailSchema, FieldViolationSchema } from '../gen/nabla/v1/common_pb.ts';
import { toInt64 } from './scalar-wire.ts';

/** Binary trailer that carries the detail. */
export const ERROR_TRAILER = 'nabla-error-bin';
/** Trailers share one header block of 16 KiB with everything else, and base64 adds a third. */
const DETAIL_BYTES_MAX = 6 * 1024;
const TEXT_CHARACTERS_MAX = 512;
const ENTRIES_MAX = 32;

const cut = (text: string): string => {
  const wellFormed = Buffer.from(text.slice(0, TEXT_CHARACTERS_MAX)).toString();
  return text.length > TEXT_CHARACTERS_MAX ? `${wellFormed}…` : wellFormed;
};

function encode(error: ClusterError, entriesMax: number): Uint8Array {
  const details = Object.entries(error.details).slice(0, entriesMax);
  const detail = create(ErrorDetailSchema, {
    kind: error.kind,
    code: cut(error.code),
    message: cut(error.message),
    hint: cut(error.hint),
    fields: error.fields
      .slice(0, entriesMax)
      .map(({ path, reason }) => create(FieldViolationSchema, { path: cut(path), reason: cut(reason) })),
    details: Object.fromEntries(details.map(([key, value]) => [cut(key), cut(String(value))])),
    retryAfterMs: toInt64(Math.max(0, Math.trunc(error.retryAfterMs ?? 0))),
  });
  return toBinary(ErrorDetailSchema, detail);
}

/** At most {@link DETAIL_BYTES_MAX} bytes: fields and details are dropped from the end until it fits. */
export function toErrorDetailBytes(error: ClusterError): Uint8Array {
  for (let entriesMax = ENTRIES_MAX; entriesMax > 0; entriesMax = Math.floor(entriesMax / 2)) {
    const bytes = encode(error, entriesMax);
    if (bytes.byteLength <= DETAIL_BYTES_MAX) return bytes;
  }
  return encode(error, 0);
}

/** The same error rebuilt, or undefined when the bytes are not a detail of a known kind. Never throws. */
export function fromErrorDetailBytes(bytes: Uint8Array): ClusterError | undefined {
  try {
    const detail = fromBinary(ErrorDetailSchema, bytes);
    if (!(ERROR_KINDS as readonly string[]).includes(detail.kind)) return undefined;
    const retryAfterMs = Number(detail.retryAfterMs);
    return new ClusterError(detail.kind as ErrorKind, detail.code, detail.message, {
      hint: detail.hint,
      fields: detail.fields.map(({ path, reason }) => ({ path, reason })),
      details: { ...detail.details },
      ...(retryAfterMs > 0 ? { retryAfterMs } : {}),
    });
  } catch {
    // Not ours: a proxy or a foreign server answered, and the status code alone must do.
    return undefined;
  }
}
