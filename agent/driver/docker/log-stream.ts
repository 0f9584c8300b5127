/**
 * Following a container's log without loss or repetition: through broken connections, restarts of the engine and of
 * the agent. The engine's own follow may end early, so an end counts only when a last reading brings nothing new.
 */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Clock } from '../../../proto/ports/index.ts';
import type { DriverTask, OutputChunk, OutputCursor } from '../../core/driver-port.ts';
import { statusOf } from './docker-error.ts';
import { type Engine, openStream } from './engine.ts';
import {
  advance,
  createStreamWalk,
  isNewlineMissing,
  type LogPosition,
  parsePosition,
  renderPosition,
  type StreamPosition,
  toSince,
} from './log-cursor.ts';
import { createFrameParser, toLogEntry } from './log-frames.ts';

/** The port's bound of one piece. */
const CHUNK_BYTES_MAX = 64 * 1024;
/** Between two tries to reach an engine that went away. */
const RETRY_MS = 500;

export interface LogParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly container: Docker.Container;
  readonly inspect: () => Promise<DriverTask>;
}

interface Reading {
  position: LogPosition;
  readonly counts: { stdout: number; stderr: number };
  /** Pieces told since the last look. */
  told: number;
}

/** Everything after `cursor` until the container has ended and all was read. Rejects on abort. */
export async function* followLog(
  parts: LogParts,
  cursor: OutputCursor,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk> {
  const reading: Reading = {
    position: parsePosition(cursor),
    counts: { stdout: cursor.stdout, stderr: cursor.stderr },
    told: 0,
  };
  for (;;) {
    signal.throwIfAborted();
    const { state } = await parts.inspect();
    if (state === 'absent') return;
    reading.told = 0;
    let broken = false;
    try {
      yield* readOnce(parts, reading, { follow: state === 'running', signal });
    } catch (error) {
      signal.throwIfAborted();
      if (statusOf(error) === 404) return;
      broken = true;
    }
    if (!broken && state === 'exited' && reading.told === 0) {
      // The engine keeps lines: what ended without a newline is told with one, and nothing comes after it.
      yield* closeLines(reading, parts.clock.nowMs());
      return;
    }
    if (broken || state === 'unknown' || state === 'created') {
      await new Promise<void>((resolve) => void parts.clock.after(RETRY_MS, resolve));
    }
  }
}

async function* readOnce(
  { engine, container }: LogParts,
  reading: Reading,
  { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal },
): AsyncGenerator<OutputChunk> {
  const since = toSince(reading.position);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal.addEventListener('abort', end, { once: true });
  try {
    // Always as a stream: without follow, dockerode would gather the whole log in memory.
    const stream = await openLog(engine, container, { follow, since, abortSignal: stop.signal });
    yield* tell(stream, reading);
  } finally {
    signal.removeEventListener('abort', end);
    stop.abort();
  }
}

async function openLog(
  engine: Engine,
  container: Docker.Container,
  options: { readonly follow: boolean; readonly since: string; readonly abortSignal: AbortSignal },
): Promise<Readable> {
  const query = {
    follow: options.follow,
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(options.since === '' ? {} : { since: options.since }),
  };
  const path = `/containers/${container.id}/logs?`;
  const { abortSignal } = options;
  return await engine.call(() =>
    openStream(engine.docker, { method: 'GET', path, options: query, abortSignal }),
  );
}

async function* tell(stream: Readable, reading: Reading): AsyncGenerator<OutputChunk> {
  const parser = createFrameParser();
  const walks = {
    stdout: createStreamWalk(reading.position.stdout),
    stderr: createStreamWalk(reading.position.stderr),
  };
  for await (const chunk of stream) {
    for (const { stream: name, payload } of parser.push(chunk as Buffer)) {
      const entry = toLogEntry(payload);
      if (entry === undefined) continue;
      const { timestamp, bytes } = entry;
      const skipped = walks[name].skip(timestamp, bytes.length);
      if (bytes.length > 0 && skipped === bytes.length) continue;
      yield* tellEntry(reading, name, { timestamp, bytes: bytes.subarray(skipped) });
    }
  }
}

function* tellEntry(
  reading: Reading,
  name: 'stdout' | 'stderr',
  { timestamp, bytes }: { readonly timestamp: string; readonly bytes: Buffer },
): Generator<OutputChunk> {
  const timeMs = Date.parse(timestamp);
  if (isNewlineMissing(reading.position[name], timestamp)) yield closeLine(reading, name, timeMs);
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
    // A copy: the piece is a window on a larger buffer of the connection.
    const piece = Uint8Array.from(bytes.subarray(at, at + CHUNK_BYTES_MAX));
    const left = bytes.length - at - piece.length;
    yield note(reading, name, {
      bytes: piece,
      timeMs,
      position: advance(reading.position[name], timestamp, piece, left),
    });
  }
}

function* closeLines(reading: Reading, timeMs: number): Generator<OutputChunk> {
  for (const name of ['stdout', 'stderr'] as const) {
    if (reading.position[name].open) yield closeLine(reading, name, timeMs);
  }
}

function closeLine(reading: Reading, name: 'stdout' | 'stderr', timeMs: number): OutputChunk {
  const position = { ...reading.position[name], open: false };
  return note(reading, name, { bytes: Uint8Array.of(10), timeMs, position });
}

function note(
  reading: Reading,
  name: 'stdout' | 'stderr',
  told: { readonly bytes: Uint8Array; readonly timeMs: number; readonly position: StreamPosition },
): OutputChunk {
  reading.position = { ...reading.position, [name]: told.position };
  reading.counts[name] += told.bytes.length;
  reading.told += 1;
  const cursor = { ...reading.counts, since: renderPosition(reading.position) };
  return { stream: name, timeMs: told.timeMs, bytes: told.bytes, cursor };
}
