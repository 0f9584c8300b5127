/**
 * Job output on its way to a person's terminal: colours, line editing and progress bars pass, everything that would
 * make the terminal answer, rename its window, write the clipboard or switch modes does not. Bytes on their way to
 * a file or pipe are never touched.
 */

/** Longest escape sequence that is looked at; a longer one is dropped up to there. */
const SEQUENCE_BYTES_MAX = 256;

const ESC = 0x1b;
const BEL = 0x07;
const STRING_TERMINATOR = 0x5c;
/** Final bytes of control sequences that pass: cursor moves within the screen, erasing, colours (ECMA-48 8.3). */
const CSI_ALLOWED = new Set(Buffer.from('ABCDEFGJKPm@X'));

type Mode = 'text' | 'escape' | 'csi' | 'string' | 'string-escape' | 'charset';

/** A filter for one stream: give it the bytes in order. Sequences may be cut anywhere between calls. */
export function createTerminalFilter(): (bytes: Uint8Array) => Uint8Array {
  let mode: Mode = 'text';
  let sequence: number[] = [];
  const emit = (out: number[]): void => {
    out.push(...sequence);
    sequence = [];
  };
  const drop = (): void => {
    sequence = [];
    mode = 'text';
  };
  const step = (byte: number, out: number[]): void => {
    switch (mode) {
      case 'text':
        if (byte === ESC) {
          sequence = [byte];
          mode = 'escape';
        } else if (isHarmless(byte)) {
          out.push(byte);
        }
        return;
      case 'escape':
        mode = afterEscape(byte);
        sequence.push(byte);
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
        } else if (sequence.length > SEQUENCE_BYTES_MAX || byte < 0x20) drop();
        return;
      case 'string':
        if (byte === BEL) drop();
        else if (byte === ESC) mode = 'string-escape';
        return;
      case 'string-escape':
        if (byte === STRING_TERMINATOR) drop();
        else mode = 'string';
        return;
    }
  };
  return (bytes) => {
    if (mode === 'text' && !bytes.some((byte) => (byte < 0x20 ? !isPlainControl(byte) : byte === 0x7f)))
      return bytes;
    const out: number[] = [];
    for (const byte of bytes) step(byte, out);
    return Uint8Array.from(out);
  };
}

function isPlainControl(byte: number): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0d || byte === 0x08;
}

/** Tab, line feed, carriage return, backspace and printable bytes; C1 controls arrive as UTF-8 and stay text. */
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
