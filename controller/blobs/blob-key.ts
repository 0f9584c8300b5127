/**
 * Which keys are keys, and how the directory engine writes their segments as file names. Folders bear the
 * segment, files the segment and `@`, so that `a` and `a/b` never meet; long segments become nested folders.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { BLOB_KEY_BYTES_MAX } from './blob-store.ts';

/** Most file systems allow 255 bytes; the rest is room for the marks below. */
const NAME_BYTES_MAX = 240;
/** Ends a file's name. Segments never hold it unescaped. */
export const BLOB_FILE_MARK = '@';
/** Ends the name of a folder whose segment goes on in the next level. */
const CONTINUED_MARK = '%+';

const CONTROL = /[\u0000-\u001f\u007f]/;

/** @throws ClusterError invalid BLOB_KEY_INVALID */
export function splitKey(key: string): readonly string[] {
  const segments = key.split('/');
  const wellFormed = !CONTROL.test(key) && !/\p{Surrogate}/u.test(key);
  const fits = key.length <= BLOB_KEY_BYTES_MAX && Buffer.byteLength(key) <= BLOB_KEY_BYTES_MAX;
  const named = segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  if (!wellFormed || !fits || !named) {
    throw new ClusterError('invalid', 'BLOB_KEY_INVALID', 'the name cannot be stored', {
      hint: `use relative names of at most ${BLOB_KEY_BYTES_MAX} bytes without control characters, . or ..`,
      details: { key: key.slice(0, 256) },
    });
  }
  return segments;
}

/** Escapes the few characters that mean something to the layout. */
function escapeCharacter(character: string): string {
  return character === '%' || character === BLOB_FILE_MARK
    ? `%${character.charCodeAt(0).toString(16)}`
    : character;
}

/** What is left of a long segment may be `.` or `..`, which would lead out of its folder. */
function escapeDots(name: string): string {
  return name === '.' || name === '..' ? `%2e${name.slice(1)}` : name;
}

/** One segment as names of nested folders, nearly always one. Never splits a character. */
function encodeSegment(segment: string): string[] {
  const names: string[] = [];
  let name = '';
  let bytes = 0;
  for (const character of segment) {
    const piece = escapeCharacter(character);
    const pieceBytes = Buffer.byteLength(piece);
    if (bytes + pieceBytes > NAME_BYTES_MAX) {
      names.push(name + CONTINUED_MARK);
      name = '';
      bytes = 0;
    }
    name += piece;
    bytes += pieceBytes;
  }
  return [...names, name].map(escapeDots);
}

/** Relative path of the folder that holds what lies below the key. */
export function toFolderPath(key: string): string {
  return splitKey(key).flatMap(encodeSegment).join('/');
}

/** Relative path of the file that holds the key's own content. */
export function toFilePath(key: string): string {
  return toFolderPath(key) + BLOB_FILE_MARK;
}

function decodeName(name: string): string {
  return name.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The key of what the directory engine found at these names; the file mark is cut off already. */
export function fromNames(names: readonly string[]): string {
  const segments: string[] = [];
  let open = '';
  for (const name of names) {
    if (name.endsWith(CONTINUED_MARK)) {
      open += decodeName(name.slice(0, -CONTINUED_MARK.length));
      continue;
    }
    segments.push(open + decodeName(name));
    open = '';
  }
  return segments.join('/');
}

/** Whether a folder of this name holds the rest of a long segment rather than a segment of its own. */
export function isContinued(name: string): boolean {
  return name.endsWith(CONTINUED_MARK);
}
