/**
 * Zip files written byte by byte, so that a test can say in them what no honest program would.
 */
import { crc32, deflateRawSync } from 'node:zlib';

export interface RawEntry {
  readonly name: string;
  readonly data?: Buffer;
  /** Unix mode with its file type. Default a plain file. */
  readonly mode?: number;
  /** What the headers claim to come out. Default the truth. */
  readonly claimedBytes?: number;
  /** Point at the bytes of the first entry instead of own ones. */
  readonly sharesFirst?: boolean;
}

const PLAIN_FILE = 0o100644;
const DEFLATED = 8;

export function rawZip(entries: readonly RawEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const data = entry.data ?? Buffer.from('content');
    const packed = deflateRawSync(data);
    const sizes = { crc: crc32(data), packed: packed.length, bytes: entry.claimedBytes ?? data.length };
    const at = entry.sharesFirst === true ? 0 : offset;
    directory.push(directoryRecord(sizes, name, entry.mode ?? PLAIN_FILE, at), name);
    if (entry.sharesFirst === true) continue;
    const local = [localHeader(sizes, name), name, packed];
    parts.push(...local);
    offset += local.reduce((sum, part) => sum + part.length, 0);
  }
  const directoryBytes = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

interface Sizes {
  readonly crc: number;
  readonly packed: number;
  readonly bytes: number;
}

function localHeader(sizes: Sizes, name: Buffer): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(DEFLATED, 8);
  writeSizes(header, 14, sizes);
  header.writeUInt16LE(name.length, 26);
  return header;
}

function directoryRecord(sizes: Sizes, name: Buffer, mode: number, offset: number): Buffer {
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE((3 << 8) | 20, 4);
  record.writeUInt16LE(20, 6);
  record.writeUInt16LE(DEFLATED, 10);
  writeSizes(record, 16, sizes);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt32LE((mode << 16) >>> 0, 38);
  record.writeUInt32LE(offset, 42);
  return record;
}

function writeSizes(target: Buffer, at: number, { crc, packed, bytes }: Sizes): void {
  target.writeUInt32LE(crc, at);
  target.writeUInt32LE(packed, at + 4);
  target.writeUInt32LE(bytes, at + 8);
}
