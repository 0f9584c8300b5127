/**
 * Job output on its way to a person's terminal: colours, line editing and progress bars pass, everything that would
 * make the terminal answer, rename its window, write the clipboard or switch modes does not. Bytes on their way to
 * a file or pipe are never touched.
 */

/** Longest escape sequence that is looked at; a longer one is dropped up to there. */
const SEQUENCE_BYTES_MAX = 256;

/** Longest string (a title, a picture) that is dropped whole; one without an end must not swallow the rest of a log. */
const STRING_BYTES_MAX = 4096;

const ESC = 0x1b;
const BEL = 0x07;
const STRING_TERMINATOR = 0x5c;
/** Final bytes of control sequences that pass: cursor moves within the screen, erasing, colours (ECMA-48 8.3). */
const CSI_ALLOWED = new Set(Buffer.from('ABCDEFGJKPm@X'));

/** First byte of U+0080 to U+00BF in UTF-8; up to 9F the second makes a C1 control, which terminals heed too. */
const LATIN_LEAD = 0xc2;
const C1_LAST = 0x9f;

type Mode = 'text' | 'latin' | 'escape' | 'csi' | 'string' | 'string-escape' | 'charset';

/** A filter for one stream: give it the bytes in order. Sequences may be cut anywhere between calls. */
export function createTerminalFilter(): (bytes: Uint8Array) => Uint8Array {
  let mode: Mode = 'text';
  let sequence: number[] = [];
  let stringBytes = 0;
  const emit = (out: number[]): void => {
    out.push(...sequence);
    sequence = [];
  };
  const drop = (): void => {
    sequence = [];
    stringBytes = 0;
    mode = 'text';
  };
  const step = (byte: number, out: number[]): void => {
    switch (mode) {
      case 'text':
        if (byte === ESC) {
          sequence = [byte];
          mode = 'escape';
        } else if (byte === LATIN_LEAD) {
          mode = 'latin';
        } else if (isHarmless(byte)) {
          out.push(byte);
        }
        return;
      case 'latin':
        mode = 'text';
        if (byte >= 0x80 && byte <= C1_LAST) return;
        out.push(LATIN_LEAD);
        step(byte, out);
        return;
      case 'escape':
        mode = afterEscape(byte);
        // A second ESC begins anew; kept, it would hide the private mark behind it from the look below.
        if (mode !== 'escape') sequence.push(byte);
        if (mode === 'text') drop();
        return;
      case 'charset':
        drop();
        return;
      case 'csi':
        sequence.push(byte);
        if (byte >= 0x40 && byte <= 0x7e) {
          const isPrivate = sequence[2] !== undefined && sequence[2] >= 0x3c && sequence[2] <= 0x3f;
          if (CSI_ALLOWED.has(byte) && !isPrivate) emit(out);
          drop();
        } else if (sequence.length > SEQUENCE_BYTES_MAX || !isParameter(byte)) drop();
        return;
      case 'string':
        stringBytes += 1;
        if (byte === BEL || stringBytes > STRING_BYTES_MAX) drop();
        else if (byte === ESC) mode = 'string-escape';
        return;
      case 'string-escape':
        stringBytes += 1;
        if (byte === STRING_TERMINATOR || stringBytes > STRING_BYTES_MAX) drop();
        else mode = byte === ESC ? 'string-escape' : 'string';
        return;
    }
  };
  return (bytes) => {
    if (mode === 'text' && !bytes.some(needsLook)) return bytes;
    const out: number[] = [];
    for (const byte of bytes) step(byte, out);
    return Uint8Array.from(out);
  };
}

/** Parameter and intermediate bytes. Anything else in a sequence could begin one of its own. */
function isParameter(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x3f;
}

function needsLook(byte: number): boolean {
  return byte < 0x20 ? !isPlainControl(byte) : byte === 0x7f || byte === LATIN_LEAD;
}

function isPlainControl(byte: number): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0d || byte === 0x08;
}

/** Tab, line feed, carriage return, backspace and printable bytes. C1 controls arrive as two bytes and are dropped before. */
function isHarmless(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : isPlainControl(byte);
}

/** `[` begins a control sequence; `]`, `P`, `_`, `^`, `X` a string; `(` and friends take one more byte. */
function afterEscape(byte: number): Mode {
  if (byte === 0x5b) return 'csi';
  if ([0x5d, 0x50, 0x5f, 0x5e, 0x58].includes(byte)) return 'string';
  if (byte >= 0x20 && byte <= 0x2f) return 'charset';
  return byte === ESC ? 'escape' : 'text';
}
