/**
 * Exec frames out of a byte stream: cut at frame borders however the bytes were split, refused when they
 * cannot be frames.
 */
import { decodeExecFrame, type ExecFrame, type ExecStartPayload } from '../../proto/domain/frame.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';

/** @throws ClusterError invalid EXEC_FRAME_INVALID when no frame can stand where one should */
export async function* readExecFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<ExecFrame> {
  let held: Uint8Array = new Uint8Array();
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let at = 0;
    for (;;) {
      const frame = decodeExecFrame(held, at);
      if (frame === 'partial') break;
      if (frame === 'corrupt') throw invalidFrame('an exec frame cannot be read');
      at += frame.sizeBytes;
      yield { kind: frame.kind, payload: frame.payload };
    }
    held = held.subarray(at);
  }
}

const ARGUMENTS_MAX = 4_096;

/** @throws ClusterError invalid EXEC_FRAME_INVALID */
export function parseExecStart(frame: ExecFrame | undefined): ExecStartPayload {
  if (frame?.kind !== 'start') throw invalidFrame('an exec session must begin with a start frame');
  const value = parseJson(frame.payload);
  const { argv, tty, rows, columns, env, workingDirectory } = value;
  if (!isTextList(argv) || argv.length === 0 || argv.length > ARGUMENTS_MAX) {
    throw invalidFrame('an exec session needs a command');
  }
  return {
    argv,
    tty: tty === true,
    rows: toSize(rows, 24),
    columns: toSize(columns, 80),
    env: isTextRecord(env) ? env : {},
    workingDirectory: typeof workingDirectory === 'string' ? workingDirectory : '',
  };
}

/** @throws ClusterError invalid EXEC_FRAME_INVALID */
export function parseResize(payload: Uint8Array): { readonly rows: number; readonly columns: number } {
  const { rows, columns } = parseJson(payload);
  return { rows: toSize(rows, 24), columns: toSize(columns, 80) };
}

function parseJson(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below, like JSON that is no object.
  }
  throw invalidFrame('an exec frame does not hold a JSON object');
}

function toSize(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 10_000
    ? value
    : otherwise;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isTextRecord(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((item) => typeof item === 'string')
  );
}

function invalidFrame(message: string): ClusterError {
  return new ClusterError('invalid', 'EXEC_FRAME_INVALID', message, {
    hint: 'client and agent differ in version',
  });
}
