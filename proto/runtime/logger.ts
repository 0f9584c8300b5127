/**
 * The real Logger: one NDJSON line per message on stderr (or a given stream). It never blocks and never grows
 * without bound: when the stream cannot take more, lines are counted and dropped, and the count is said later.
 */
import { ClusterError } from '../errors/cluster-error.ts';
import type { Clock, LogFields, Logger } from '../ports/index.ts';
import { redactValue } from './redact.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Who may speak. A new part of the system is added here, so that filters can rely on the set. */
export const LOG_COMPONENTS = [
  'main',
  'config',
  'core',
  'engine',
  'store',
  'effects',
  'rpc',
  'http',
  'tls',
  'auth',
  'blobs',
  'retention',
  'dashboard',
  'gateway',
  'workers',
  'agents',
  'secrets',
  'telemetry',
  'session',
  'driver',
  'docker',
  'process',
  'probe',
  'journal',
  'storage',
  'artifacts',
  'workspace',
  'logs',
  'exec',
  'ingress',
  'serving',
  'client',
  'up',
  'test',
] as const;
export type LogComponent = (typeof LOG_COMPONENTS)[number];

/** Bytes that may wait in the stream before lines are dropped. */
export const LOG_BACKLOG_BYTES_MAX = 1024 * 1024;
/** Longest line; fields of a longer one are replaced by a note. */
export const LOG_LINE_BYTES_MAX = 16 * 1024;

/** The part of a writable stream that a logger needs. */
export interface LogSink {
  write(text: string): unknown;
  readonly writableLength?: number;
}

export interface LoggerOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Least important level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** Default standard error. */
  readonly sink?: LogSink;
  /** Which program speaks, e.g. `controller`; part of every line. */
  readonly process?: string;
}

interface Shared {
  readonly sink: LogSink;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly threshold: number;
  readonly process: string | undefined;
  dropped: number;
}

function toLine(
  shared: Shared,
  level: LogLevel,
  component: string,
  message: string,
  fields: LogFields,
): string {
  const head = {
    time: new Date(shared.clock.nowMs()).toISOString(),
    level,
    ...(shared.process === undefined ? {} : { process: shared.process }),
    component,
    message,
  };
  const safe = redactValue(fields) as Record<string, unknown>;
  // Fields never overwrite the head.
  const line = JSON.stringify({ ...safe, ...head });
  if (Buffer.byteLength(line) <= LOG_LINE_BYTES_MAX) return `${line}\n`;
  return `${JSON.stringify({ ...head, cutFields: Object.keys(safe) })}\n`;
}

function write(shared: Shared, level: LogLevel, component: string, message: string, fields: LogFields): void {
  if (LOG_LEVELS.indexOf(level) > shared.threshold) return;
  if ((shared.sink.writableLength ?? 0) > LOG_BACKLOG_BYTES_MAX) {
    shared.dropped += 1;
    return;
  }
  if (shared.dropped > 0) {
    const { dropped } = shared;
    shared.dropped = 0;
    shared.sink.write(toLine(shared, 'warn', component, 'log lines were dropped', { dropped }));
  }
  shared.sink.write(toLine(shared, level, component, message, fields));
}

function createChild(shared: Shared, component: string): Logger {
  return {
    error: (message, fields = {}) => write(shared, 'error', component, message, fields),
    warn: (message, fields = {}) => write(shared, 'warn', component, message, fields),
    info: (message, fields = {}) => write(shared, 'info', component, message, fields),
    debug: (message, fields = {}) => write(shared, 'debug', component, message, fields),
    child(name) {
      if (!(LOG_COMPONENTS as readonly string[]).includes(name)) {
        throw new ClusterError('bug', 'LOG_COMPONENT_UNKNOWN', 'a log component is not in the closed set', {
          details: { component: name },
        });
      }
      return createChild(shared, name);
    },
  };
}

export function createLogger(options: LoggerOptions): Logger {
  const shared: Shared = {
    sink: options.sink ?? process.stderr,
    clock: options.clock,
    threshold: LOG_LEVELS.indexOf(options.level ?? 'info'),
    process: options.process,
    dropped: 0,
  };
  return createChild(shared, 'main');
}

/** A logger that writes nothing: the default of parts that may be used without one. */
export const SILENT_LOGGER: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => SILENT_LOGGER,
};
