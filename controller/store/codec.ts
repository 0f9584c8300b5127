/**
 * Stored bytes: JSON behind checksums. An entry is `crc32c | chain hash | JSON`, a row `crc32c | JSON` with its key
 * in the checksum, because LevelDB can hand back wrong or other bytes without an error.
 */
import { createHash } from 'node:crypto';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { StampedEvent } from '../core/event.ts';
import { crc32c } from './crc32c.ts';

const CRC_BYTES = 4;
const CHAIN_BYTES = 32;
const ENTRY_HEADER_BYTES = CRC_BYTES + CHAIN_BYTES;
/** Version of the JSON inside entries; older ones are converted on reading. */
const ENTRY_VERSION = 1;

export interface EncodedEntry {
  readonly value: Uint8Array;
  /** Hash over this entry and all before it. */
  readonly chainHash: string;
}

/** `before` is the chain hash of the entry before. */
export function encodeEntry(stamped: StampedEvent, before: string): EncodedEntry {
  const { seq, epoch, timeMs, principal, event } = stamped;
  const text = JSON.stringify({ v: ENTRY_VERSION, seq, epoch, t: timeMs, p: principal, e: event });
  const body = Buffer.from(text);
  const chain = chainOf(before, body);
  const value = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + body.length);
  chain.copy(value, CRC_BYTES);
  body.copy(value, ENTRY_HEADER_BYTES);
  value.writeUInt32BE(crc32c(value.subarray(CRC_BYTES)), 0);
  return { value, chainHash: chain.toString('hex') };
}

function chainOf(before: string, body: Uint8Array): Buffer {
  return createHash('sha256').update(before, 'hex').update(body).digest();
}

interface StoredEvent {
  readonly seq: number;
  readonly epoch: number;
  readonly t: number;
  readonly p: StampedEvent['principal'];
  readonly e: StampedEvent['event'];
}

export interface DecodedEntry {
  readonly stamped: StampedEvent;
  readonly chainHash: string;
}

/** @throws ClusterError corrupt ENTRY_DAMAGED */
export function decodeEntry(seq: number, value: Uint8Array): DecodedEntry {
  const bytes = asBuffer(value);
  if (bytes.length < ENTRY_HEADER_BYTES || bytes.readUInt32BE(0) !== crc32c(bytes.subarray(CRC_BYTES))) {
    throw damaged('ENTRY_DAMAGED', 'an event in the store is damaged', { seq: String(seq) });
  }
  const stored = parseJson(bytes.toString('utf8', ENTRY_HEADER_BYTES)) as StoredEvent | null | undefined;
  if (typeof stored !== 'object' || stored === null) {
    throw damaged('ENTRY_DAMAGED', 'an event in the store is damaged', { seq: String(seq) });
  }
  if (stored.seq !== seq) {
    throw damaged('ENTRY_DAMAGED', 'an event in the store lies in the wrong place', { seq: String(seq) });
  }
  return {
    stamped: { seq, epoch: stored.epoch, timeMs: stored.t, principal: stored.p, event: stored.e },
    chainHash: bytes.toString('hex', CRC_BYTES, ENTRY_HEADER_BYTES),
  };
}

/**
 * Checks that the entry's chain hash follows from the one before.
 *
 * @throws ClusterError corrupt CHAIN_BROKEN
 */
export function verifyChain(seq: number, value: Uint8Array, before: string): void {
  const bytes = asBuffer(value);
  const stated = bytes.subarray(CRC_BYTES, ENTRY_HEADER_BYTES);
  if (!chainOf(before, bytes.subarray(ENTRY_HEADER_BYTES)).equals(stated)) {
    throw damaged('CHAIN_BROKEN', 'the chain of events is broken', { seq: String(seq) });
  }
}

export function encodeRow(key: string, value: unknown): Uint8Array {
  return sealBytes(key, Buffer.from(JSON.stringify(value)));
}

/** @throws ClusterError corrupt ROW_DAMAGED */
/** @throws ClusterError corrupt ROW_DAMAGED */
export function decodeRow(key: string, value: Uint8Array): unknown {
  const row = parseJson(asBuffer(openBytes(key, value)).toString('utf8'));
  if (row === undefined) throw damaged('ROW_DAMAGED', 'a record in the store is damaged', { key });
  return row;
}

/** Undefined for what is not JSON: the checksum held, so whoever wrote it was not this program. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The callers say where it stood.
    return undefined;
  }
}

/** Any bytes behind a checksum that covers their key too. */
export function sealBytes(key: string, bytes: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(CRC_BYTES + bytes.length);
  value.set(bytes, CRC_BYTES);
  value.writeUInt32BE(crc32c(bytes, crc32c(Buffer.from(key))), 0);
  return value;
}

/** @throws ClusterError corrupt ROW_DAMAGED */
export function openBytes(key: string, value: Uint8Array): Uint8Array {
  const bytes = asBuffer(value);
  const body = bytes.subarray(Math.min(CRC_BYTES, bytes.length));
  if (bytes.length < CRC_BYTES || bytes.readUInt32BE(0) !== crc32c(body, crc32c(Buffer.from(key)))) {
    throw damaged('ROW_DAMAGED', 'a record in the store is damaged', { key });
  }
  return body;
}

function damaged(code: string, message: string, details: Readonly<Record<string, string>>): ClusterError {
  return new ClusterError('corrupt', code, message, {
    hint: 'stop the controller and restore a backup',
    details,
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
