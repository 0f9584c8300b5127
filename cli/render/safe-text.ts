/**
 * User text made harmless for one terminal cell: nothing that somebody names or prints can move the cursor,
 * change colours or direction, or begin a new line.
 */

/**
 * Characters that a terminal acts on or that change how text around them is shown: control characters, direction
 * overrides and isolates, line separators, invisible marks, tag characters, half surrogates. Line feed apart.
 */
const HIDDEN_SOURCE =
  '\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f' +
  '\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}\\p{Cs}';
const HIDDEN = new RegExp(`[${HIDDEN_SOURCE}]`, 'u');
const HIDDEN_ALL = new RegExp(`[${HIDDEN_SOURCE}]`, 'gu');
const UNSAFE_ALL = new RegExp(`[\\u000a${HIDDEN_SOURCE}]`, 'gu');

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' };

/** `text` with every such character, and line feed, shown as an escape (`\n`, `\e`, `\u{202e}`). */
export function toSafeText(text: string): string {
  return text.replace(
    UNSAFE_ALL,
    (character) => NAMED[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

export function hasHidden(text: string): boolean {
  return HIDDEN.test(text);
}

/** JSON or quoted YAML text with hidden characters written as `\uXXXX`: the same value, nothing acts on it. */
export function escapeHidden(quotedText: string): string {
  return quotedText.replace(HIDDEN_ALL, (character) => {
    let escaped = '';
    for (let at = 0; at < character.length; at++) {
      escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}

/** Combining marks, joiners and variation selectors: drawn on the character before. */
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\u200d\ufe00-\ufe0f]$/u;

/** East Asian wide and fullwidth blocks and the emoji planes (Unicode 15.1, EastAsianWidth W and F). */
const WIDE_RANGES: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x26c4, 0x26c5],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x2753, 0x2755],
  [0x2795, 0x2797],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b50],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f18e],
  [0x1f191, 0x1f19a],
  [0x1f200, 0x1f320],
  [0x1f32d, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7eb],
  [0x1f90c, 0x1faff],
  [0x20000, 0x3fffd],
];

function characterWidth(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE_RANGES.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
}

/** Terminal columns that safe text takes; marks count nothing, wide characters two. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Most marks kept on one character: towers of marks would reach into the lines above. */
const MARKS_MAX = 4;

/** Safe text cut to `columns`, with `…` in the last column when something was cut. */
export function fitToWidth(text: string, columns: number): string {
  const kept = limitMarks(text);
  if (displayWidth(kept) <= columns) return kept;
  if (columns < 1) return '';
  let width = 0;
  let result = '';
  for (const character of kept) {
    const next = characterWidth(character);
    if (width + next > columns - 1) break;
    width += next;
    result += character;
  }
  return `${result}…`;
}

function limitMarks(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  let marks = 0;
  let result = '';
  for (const character of text) {
    marks = ZERO_WIDTH.test(character) ? marks + 1 : 0;
    if (marks <= MARKS_MAX) result += character;
  }
  return result;
}

/** Safe text cut or padded to exactly `columns`. */
export function padToWidth(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const fitted = fitToWidth(text, columns);
  const padding = ' '.repeat(Math.max(0, columns - displayWidth(fitted)));
  return align === 'right' ? padding + fitted : fitted + padding;
}
