/**
 * Colours, used only where a person looks at a terminal. Meaning never hangs on colour alone.
 */

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

export type StyleName = keyof typeof CODES;

export interface Style {
  readonly enabled: boolean;
  (name: StyleName, text: string): string;
}

/** A painter that returns text unchanged unless `enabled`. */
export function createStyle(enabled: boolean): Style {
  const paint = (name: StyleName, text: string): string => {
    const [open, close] = CODES[name];
    return enabled ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  };
  return Object.assign(paint, { enabled });
}
