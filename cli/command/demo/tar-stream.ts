/**
 * A tar archive as a stream, in the POSIX ustar format (IEEE Std 1003.1, pax): files, folders and links.
 */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

export type TarEntry =
  | { readonly kind: 'folder'; readonly name: string; readonly mode: number }
  | { readonly kind: 'text'; readonly name: string; readonly mode: number; readonly text: string }
  | {
      readonly kind: 'file';
      readonly name: string;
      readonly mode: number;
      readonly path: string;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'link'; readonly name: string; readonly target: string };

const BLOCK = 512;
/** Longest name of a header without its prefix field. */
const NAME_BYTES_MAX = 100;

/** The bytes of the archive; files are read as they are needed. */
export function createTarStream(entries: readonly TarEntry[]): Readable {
  return Readable.from(writeEntries(entries), { objectMode: false });
}

async function* writeEntries(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const sizeBytes =
      entry.kind === 'file' ? entry.sizeBytes : entry.kind === 'text' ? Buffer.byteLength(entry.text) : 0;
    yield createHeader(entry, sizeBytes);
    if (entry.kind === 'text') yield Buffer.from(entry.text);
    if (entry.kind === 'file') {
      for await (const chunk of createReadStream(entry.path, { end: sizeBytes - 1 })) yield chunk as Buffer;
    }
    yield Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

const TYPES = { file: '0', text: '0', link: '2', folder: '5' } as const;

function createHeader(entry: TarEntry, sizeBytes: number): Buffer {
  const name = entry.kind === 'folder' ? `${entry.name}/` : entry.name;
  const target = entry.kind === 'link' ? entry.target : '';
  if (Buffer.byteLength(name) > NAME_BYTES_MAX || Buffer.byteLength(target) > NAME_BYTES_MAX) {
    throw new RangeError(`the path is too long for a tar header: ${name}`);
  }
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'ascii');
  };
  header.write(name, 0, 'utf8');
  octal(entry.kind === 'link' ? 0o777 : entry.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(sizeBytes, 124, 11);
  octal(0, 136, 11);
  header.fill(' ', 148, 156);
  header.write(TYPES[entry.kind], 156, 'ascii');
  header.write(target, 157, 'utf8');
  header.write('ustar\x0000', 257, 'ascii');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return header;
}
