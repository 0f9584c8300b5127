/**
 * Sizes, durations, GPUs, CPUs and ports as people write them, to integers with their unit and back. A refusal
 * is a reason that reads after the field's name: "memory must be …".
 */
import type { PortMapping } from './job.ts';
import { LIMITS, PRIORITIES } from './limits.ts';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });

const SIZE_UNITS = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 } as const;
const SIZE_HINT =
  'must be a size such as 512Mi, 4Gi or 1.5Ti (units Ki, Mi, Gi, Ti; a plain number is bytes)';

/** `4Gi`, `1.5Gi`, `1024` to bytes. Decimal units are refused: 4G means different things to different tools. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,16}(?:\.\d{1,6})?)(Ki|Mi|Gi|Ti|)B?$/.exec(text.trim());
  if (match === null) return bad(SIZE_HINT);
  const bytes = Number(match[1]) * SIZE_UNITS[match[2] as keyof typeof SIZE_UNITS];
  return Number.isSafeInteger(bytes) ? good(bytes) : bad('must be a whole number of bytes');
}

/** The shortest exact form: `4Gi`, `1536Mi`, `1000`. The inverse of {@link parseSize}. */
export function formatSize(bytes: number): string {
  for (const unit of ['Ti', 'Gi', 'Mi', 'Ki'] as const) {
    if (bytes >= SIZE_UNITS[unit] && bytes % SIZE_UNITS[unit] === 0)
      return `${bytes / SIZE_UNITS[unit]}${unit}`;
  }
  return String(bytes);
}

/** For people, at most one decimal: `1.4Gi`. Not exact. */
export function formatSizeRounded(bytes: number): string {
  for (const unit of ['Ti', 'Gi', 'Mi', 'Ki'] as const) {
    if (bytes < SIZE_UNITS[unit]) continue;
    const amount = bytes / SIZE_UNITS[unit];
    return `${amount >= 100 ? Math.round(amount) : Math.round(amount * 10) / 10}${unit}`;
  }
  return `${bytes}B`;
}

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION_HINT = 'must be a duration such as 90s, 15m, 4h, 1h30m or 2d';

/** `90s`, `1h30m`, `2d`, `0` to milliseconds. Units fall from left to right and come once each. */
export function parseDuration(text: string): Parsed<number> {
  const trimmed = text.trim();
  if (trimmed === '0') return good(0);
  const match =
    /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,3})?)s)?(?:(\d{1,12})ms)?$/.exec(
      trimmed,
    );
  if (match === null || trimmed === '') return bad(DURATION_HINT);
  const [, d = '0', h = '0', m = '0', s = '0', ms = '0'] = match;
  const total =
    Number(d) * DURATION_UNITS.d +
    Number(h) * DURATION_UNITS.h +
    Number(m) * DURATION_UNITS.m +
    Math.round(Number(s) * DURATION_UNITS.s) +
    Number(ms);
  return Number.isSafeInteger(total) ? good(total) : bad(DURATION_HINT);
}

/** The exact compound form: `1h30m`, `90ms`, `0s`. The inverse of {@link parseDuration}. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  let rest = durationMs;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / DURATION_UNITS[unit]);
    rest -= count * DURATION_UNITS[unit];
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}

/** Thousandths of a decimal number, undefined when it has finer parts. */
function parseMilli(text: string): number | undefined {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) return undefined;
  const milli = Math.round(Number(text) * 1_000_000) / 1000;
  return Number.isInteger(milli) ? milli : undefined;
}

/** `2`, `0.5` to thousandths. Shares are below one GPU; more than one must be whole. */
export function parseGpus(text: string): Parsed<number> {
  const milli = parseMilli(text.trim());
  if (milli === undefined) return bad('must be a number of GPUs such as 2, or a share such as 0.5');
  if (milli > 1000 && milli % 1000 !== 0) return bad('must be whole when it is more than one');
  return good(milli);
}

/** `2`, `0.5`: the inverse of {@link parseGpus}. */
export function formatGpus(gpuMilli: number): string {
  return String(gpuMilli / 1000);
}

/** `8`, `0.5`, `500m` to thousandths of a core. */
export function parseCpus(text: string): Parsed<number> {
  const trimmed = text.trim();
  const milli = /^\d{1,9}m$/.test(trimmed) ? Number(trimmed.slice(0, -1)) : parseMilli(trimmed);
  return milli === undefined ? bad('must be a number of cores such as 8, 0.5 or 500m') : good(milli);
}

/** `8`, `0.5`: the inverse of {@link parseCpus}. */
export function formatCpus(cpuMilli: number): string {
  return String(cpuMilli / 1000);
}

function parsePortNumber(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= LIMITS.portMax ? port : undefined;
}

/** `80` (any free host port) or `8080:80` (host:container). */
export function parsePort(text: string): Parsed<PortMapping> {
  const parts = text.trim().split(':');
  const containerPort = parsePortNumber(parts.at(-1) ?? '');
  const hostPort = parts.length === 1 ? 0 : parsePortNumber(parts[0] ?? '');
  if (parts.length > 2 || containerPort === undefined || hostPort === undefined) {
    return bad(`must be CONTAINER or HOST:CONTAINER with ports between 1 and ${LIMITS.portMax}`);
  }
  return good({ containerPort, hostPort });
}

/** `80` or `8080:80`: the inverse of {@link parsePort}. */
export function formatPort({ containerPort, hostPort }: PortMapping): string {
  return hostPort === 0 ? String(containerPort) : `${hostPort}:${containerPort}`;
}

/** `low`, `normal`, `high` or a whole number. The bounds are checked with the spec. */
export function parsePriority(text: string): Parsed<number> {
  const trimmed = text.trim();
  if (Object.hasOwn(PRIORITIES, trimmed)) return good(PRIORITIES[trimmed as keyof typeof PRIORITIES]);
  return /^\d{1,9}$/.test(trimmed)
    ? good(Number(trimmed))
    : bad(`must be low, normal, high or ${LIMITS.priorityMin} to ${LIMITS.priorityMax}`);
}

/** A whole number from 0. */
export function parseCount(text: string): Parsed<number> {
  return /^\d{1,9}$/.test(text.trim()) ? good(Number(text.trim())) : bad('must be a whole number');
}

/** Literally `true` or `false`. */
export function parseBoolean(text: string): Parsed<boolean> {
  if (text === 'true' || text === 'false') return good(text === 'true');
  return bad('must be true or false');
}
