/**
 * Byte frames shared by agent and controller: the framed task log (its offsets are what readers resume by)
 * and the frames of an exec session on a data connection. Pure; big-endian throughout.
 */

export const LOG_FRAME_HEADER_BYTES = 13;
/** Largest payload of one log frame; longer output is cut into several. */
export const LOG_FRAME_PAYLOAD_BYTES_MAX = 64 * 1024;

/** The last moment that a date can be; what claims to be later is no frame. */
export const LOG_FRAME_TIME_MS_MAX = 8.64e15;

export const LOG_FRAME_KINDS = { stdout: 1, stderr: 2, gap: 3 } as const;
export type LogFrameKind = keyof typeof LOG_FRAME_KINDS;

/**
 * One record of a task's log: `kind u8 | timeMs u64 | length u32 | payload`. The logical offset of a log
 * counts whole frames, headers included, from the first byte ever written. A `gap` frame is synthetic: it
 * stands in a read where the log cap dropped bytes; its payload is one u64, the logical bytes skipped, and
 * the next frame's offset is this one's plus that number.
 */
export interface LogFrame {
  readonly kind: LogFrameKind;
  readonly timeMs: number;
  readonly payload: Uint8Array;
}

/** Encodes one frame. Payloads above {@link LOG_FRAME_PAYLOAD_BYTES_MAX} are the caller's bug. */
export function encodeLogFrame(frame: LogFrame): Uint8Array {
  const bytes = new Uint8Array(LOG_FRAME_HEADER_BYTES + frame.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, LOG_FRAME_KINDS[frame.kind]);
  view.setBigUint64(1, BigInt(Math.max(0, Math.trunc(frame.timeMs))));
  view.setUint32(9, frame.payload.length);
  bytes.set(frame.payload, LOG_FRAME_HEADER_BYTES);
  return bytes;
}

export interface DecodedLogFrame extends LogFrame {
  /** Header and payload together. */
  readonly sizeBytes: number;
}

/**
 * The frame that starts at `at`, `'partial'` when more bytes are needed, `'corrupt'` when no frame can
 * start there. Never throws. The payload is a view into `bytes`.
 */
export function decodeLogFrame(bytes: Uint8Array, at: number): DecodedLogFrame | 'partial' | 'corrupt' {
  if (bytes.length - at < LOG_FRAME_HEADER_BYTES) return 'partial';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = logKindOf(view.getUint8(at));
  const length = view.getUint32(at + 9);
  if (kind === undefined || length > LOG_FRAME_PAYLOAD_BYTES_MAX) return 'corrupt';
  const timeMs = Number(view.getBigUint64(at + 1));
  if (timeMs > LOG_FRAME_TIME_MS_MAX) return 'corrupt';
  const sizeBytes = LOG_FRAME_HEADER_BYTES + length;
  if (bytes.length - at < sizeBytes) return 'partial';
  return {
    kind,
    timeMs,
    payload: bytes.subarray(at + LOG_FRAME_HEADER_BYTES, at + sizeBytes),
    sizeBytes,
  };
}

function logKindOf(value: number): LogFrameKind | undefined {
  if (value === 1) return 'stdout';
  if (value === 2) return 'stderr';
  return value === 3 ? 'gap' : undefined;
}

/** A synthetic gap frame of `skippedBytes` logical bytes. */
export function encodeGapFrame(skippedBytes: number): Uint8Array {
  const payload = new Uint8Array(8);
  new DataView(payload.buffer).setBigUint64(0, BigInt(skippedBytes));
  return encodeLogFrame({ kind: 'gap', timeMs: 0, payload });
}

/** Logical bytes a gap frame stands for. */
export function gapBytesOf(frame: LogFrame): number {
  const { payload } = frame;
  return Number(new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getBigUint64(0));
}

export const EXEC_FRAME_HEADER_BYTES = 5;
export const EXEC_FRAME_PAYLOAD_BYTES_MAX = 64 * 1024;

/**
 * Exec frames, `kind u8 | length u32 | payload`. To the agent: `start` (JSON ExecStartPayload, first and
 * once), `stdin`, `stdinEof`, `resize` (JSON {rows, columns}), `signal` (name without SIG). From the agent:
 * `started`, `stdout`, `stderr`, `exit` (JSON {code, signal}), `error` (JSON of an error body), last and once.
 */
export const EXEC_FRAME_KINDS = {
  start: 1,
  stdin: 2,
  stdinEof: 3,
  resize: 4,
  signal: 5,
  started: 16,
  stdout: 17,
  stderr: 18,
  exit: 19,
  error: 20,
} as const;
export type ExecFrameKind = keyof typeof EXEC_FRAME_KINDS;

/** The command that an exec session runs; everybody between the user and the driver hands it on as it is. */
export interface ExecStartPayload {
  readonly argv: readonly string[];
  readonly tty: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly env: Readonly<Record<string, string>>;
  /** Empty is the task's own. */
  readonly workingDirectory: string;
}

export interface ExecFrame {
  readonly kind: ExecFrameKind;
  readonly payload: Uint8Array;
}

const EXEC_KIND_OF = new Map<number, ExecFrameKind>(
  (Object.keys(EXEC_FRAME_KINDS) as ExecFrameKind[]).map((kind) => [EXEC_FRAME_KINDS[kind], kind]),
);

export function encodeExecFrame(kind: ExecFrameKind, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(EXEC_FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, EXEC_FRAME_KINDS[kind]);
  view.setUint32(1, payload.length);
  bytes.set(payload, EXEC_FRAME_HEADER_BYTES);
  return bytes;
}

/** Like {@link decodeLogFrame}, for exec frames. */
export function decodeExecFrame(
  bytes: Uint8Array,
  at: number,
): (ExecFrame & { readonly sizeBytes: number }) | 'partial' | 'corrupt' {
  if (bytes.length - at < EXEC_FRAME_HEADER_BYTES) return 'partial';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = EXEC_KIND_OF.get(view.getUint8(at));
  const length = view.getUint32(at + 1);
  if (kind === undefined || length > EXEC_FRAME_PAYLOAD_BYTES_MAX) return 'corrupt';
  const sizeBytes = EXEC_FRAME_HEADER_BYTES + length;
  if (bytes.length - at < sizeBytes) return 'partial';
  return { kind, payload: bytes.subarray(at + EXEC_FRAME_HEADER_BYTES, at + sizeBytes), sizeBytes };
}
