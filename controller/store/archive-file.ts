/**
 * The file form of a store: snapshots are written in it and backups. A first line names the format; then frames,
 * `length u32 | crc32c u32 | kind u8 and content`, in the order header, rows, entries, trailer. Rows and entries keep
 * the bytes of the store with the checksums that they have there; the trailer holds the sha256 of all before it.
 */
import { createHash } from 'node:crypto';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { LogEntry, LogHead, LogReader } from './commit-log.ts';
import { crc32c } from './crc32c.ts';

export const ARCHIVE_LINE = Buffer.from('nabla-store-archive 1\n');
/** A frame is closed when it reaches this. */
const FRAME_BYTES = 256 * 1024;
/** More was not written by us: one row or entry is far smaller. */
const FRAME_BYTES_MAX = 32 * 1024 * 1024;
const FRAME_HEADER_BYTES = 8;
const ENTRIES_PER_READ = 500;
const KINDS = { header: 1, rows: 2, entries: 3, trailer: 4 } as const;

export interface ArchiveHeader {
  readonly head: LogHead;
  readonly madeAtMs: number;
  /** False: a snapshot of the rows alone. */
  readonly withEntries: boolean;
}

export interface ArchiveTrailer {
  readonly sha256: string;
  readonly chainHash: string;
  readonly rows: number;
  readonly entries: number;
}

export type StoredRow = readonly [key: string, value: Uint8Array];

export type ArchivePart =
  | { readonly kind: 'header'; readonly header: ArchiveHeader }
  | { readonly kind: 'rows'; readonly rows: readonly StoredRow[] }
  | { readonly kind: 'entries'; readonly entries: readonly LogEntry[] }
  | { readonly kind: 'trailer'; readonly trailer: ArchiveTrailer };

/** The bytes of an archive of everything that `reader` holds. The reader must stand still: a log snapshot. */
export async function* writeArchive(
  reader: LogReader,
  about: Omit<ArchiveHeader, 'head'>,
): AsyncGenerator<Uint8Array, ArchiveTrailer> {
  const hash = createHash('sha256');
  const sealed = (kind: number, content: Uint8Array): Uint8Array => {
    const bytes = toFrame(kind, content);
    hash.update(bytes);
    return bytes;
  };
  const head = await reader.head();
  hash.update(ARCHIVE_LINE);
  yield ARCHIVE_LINE;
  const header: ArchiveHeader = { head, ...about };
  yield sealed(KINDS.header, Buffer.from(JSON.stringify(header)));
  let rows = 0;
  const packer = new Packer();
  for await (const chunk of reader.rows()) {
    for (const [key, value] of chunk) {
      rows += 1;
      packer.add(Buffer.from(key), value);
      if (packer.isFull) yield sealed(KINDS.rows, packer.take());
    }
  }
  if (!packer.isEmpty) yield sealed(KINDS.rows, packer.take());
  let entries = 0;
  for (let seq = head.firstSeq - 1; about.withEntries; ) {
    const read = await reader.readFrom(seq, ENTRIES_PER_READ);
    for (const entry of read) {
      entries += 1;
      packer.add(Buffer.from(String(entry.seq)), entry.value);
      if (packer.isFull) yield sealed(KINDS.entries, packer.take());
    }
    const last = read.at(-1);
    if (last === undefined) break;
    seq = last.seq;
  }
  if (!packer.isEmpty) yield sealed(KINDS.entries, packer.take());
  const trailer = { sha256: hash.digest('hex'), chainHash: head.chainHash, rows, entries };
  yield toFrame(KINDS.trailer, Buffer.from(JSON.stringify(trailer)));
  return trailer;
}

function toFrame(kind: number, content: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 1 + content.length);
  frame.writeUInt32BE(1 + content.length, 0);
  frame[FRAME_HEADER_BYTES] = kind;
  frame.set(content, FRAME_HEADER_BYTES + 1);
  frame.writeUInt32BE(crc32c(frame.subarray(FRAME_HEADER_BYTES)), 4);
  return frame;
}

/** Pairs of key and value, each behind its length. */
class Packer {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  get isFull(): boolean {
    return this.#bytes >= FRAME_BYTES;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeUInt32BE(key.length, 0);
    lengths.writeUInt32BE(value.length, 4);
    this.#parts.push(lengths, key, value);
    this.#bytes += lengths.length + key.length + value.length;
  }

  take(): Uint8Array {
    const content = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    return content;
  }
}

/**
 * The parts of an archive, each checked before it is handed out; only when the trailer came is the whole proved, so
 * whoever acts on parts must be able to take it back.
 *
 * @throws ClusterError corrupt ARCHIVE_DAMAGED; invalid ARCHIVE_UNKNOWN for a file of another kind
 */
export async function* readArchive(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ArchivePart> {
  const source = new ByteSource(bytes);
  const line = await source.take(ARCHIVE_LINE.length);
  if (line === undefined || !line.equals(ARCHIVE_LINE)) throw archiveUnknown();
  const hash = createHash('sha256').update(line);
  const found = { rows: 0, entries: 0 };
  let order = 0;
  let head: LogHead | undefined;
  for (;;) {
    const frame = await nextFrame(source);
    const kind = frame[FRAME_HEADER_BYTES] ?? 0;
    if (kind < order || (order === 0) !== (kind === KINDS.header)) throw damaged('parts are out of order');
    order = kind;
    const part = toPart(kind, frame.subarray(FRAME_HEADER_BYTES + 1));
    if (part.kind === 'header') head = part.header.head;
    else if (part.kind === 'rows') found.rows += part.rows.length;
    else if (part.kind === 'entries') found.entries += part.entries.length;
    else {
      const { sha256, chainHash, rows, entries } = part.trailer;
      if (sha256 !== hash.digest('hex') || chainHash !== head?.chainHash) throw damaged('the sum is another');
      if (rows !== found.rows || entries !== found.entries) throw damaged('parts are missing');
      if ((await source.take(1)) !== undefined) throw damaged('something follows the end');
      yield part;
      return;
    }
    hash.update(frame);
    yield part;
    // One kind may come many times; the header may not.
    if (kind === KINDS.header) order = KINDS.rows;
  }
}

async function nextFrame(source: ByteSource): Promise<Buffer> {
  const header = await source.take(FRAME_HEADER_BYTES);
  if (header === undefined) throw damaged('it ends too early');
  const length = header.readUInt32BE(0);
  if (length < 1 || length > FRAME_BYTES_MAX) throw damaged('a length is impossible');
  const body = await source.take(length);
  if (body === undefined) throw damaged('it ends too early');
  if (crc32c(body) !== header.readUInt32BE(4)) throw damaged('a block does not match its checksum');
  return Buffer.concat([header, body]);
}

function toPart(kind: number, content: Buffer): ArchivePart {
  switch (kind) {
    case KINDS.header:
      return { kind: 'header', header: parseObject(content) as unknown as ArchiveHeader };
    case KINDS.rows:
      return { kind: 'rows', rows: unpack(content).map(([key, value]) => [key.toString(), value] as const) };
    case KINDS.entries:
      return {
        kind: 'entries',
        entries: unpack(content).map(([key, value]) => ({ seq: Number(key.toString()), value })),
      };
    case KINDS.trailer:
      return { kind: 'trailer', trailer: parseObject(content) as unknown as ArchiveTrailer };
    default:
      throw damaged('a block is of no known kind');
  }
}

function parseObject(content: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(content.toString());
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below, like JSON that is no object.
  }
  throw damaged('a block does not hold what it should');
}

function unpack(content: Buffer): readonly (readonly [key: Buffer, value: Buffer])[] {
  const pairs: (readonly [Buffer, Buffer])[] = [];
  for (let at = 0; at < content.length; ) {
    if (at + 8 > content.length) throw damaged('a block is cut short');
    const keyEnd = at + 8 + content.readUInt32BE(at);
    const end = keyEnd + content.readUInt32BE(at + 4);
    if (end > content.length) throw damaged('a block is cut short');
    pairs.push([content.subarray(at + 8, keyEnd), content.subarray(keyEnd, end)]);
    at = end;
  }
  return pairs;
}

/** Takes exact amounts from a stream of chunks of any size. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  /** Undefined when fewer are left. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [this.#rest];
    let have = this.#rest.length;
    while (have < count) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      parts.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
      have += next.value.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts, have);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }
}

function damaged(reason: string): ClusterError {
  return new ClusterError('corrupt', 'ARCHIVE_DAMAGED', 'the archive is damaged', {
    hint: 'use another backup; nothing of this one was kept',
    details: { reason },
  });
}

function archiveUnknown(): ClusterError {
  return new ClusterError('invalid', 'ARCHIVE_UNKNOWN', 'the file is not a backup that this version knows', {
    hint: 'name a file that nabla admin backup made',
  });
}
