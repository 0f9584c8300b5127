/**
 * Single values of nvidia-smi: text with a unit, or one of many ways to say nothing. Everything that is not
 * plainly a number in a sane range is unknown; nothing here ever turns an unknown into zero.
 */

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  KB: 2 ** 10,
  MiB: 2 ** 20,
  MB: 2 ** 20,
  GiB: 2 ** 30,
  GB: 2 ** 30,
  TiB: 2 ** 40,
};

/** More memory than any board will have soon; larger values are damage. */
const MEMORY_BYTES_MAX = 2 ** 50;
const POWER_WATTS_MAX = 1_000_000;
const TEMPERATURE_CELSIUS_MAX = 1_000;

/** Splits `12.5 W`, `[N/A]`-like brackets tolerated, into number and unit; undefined when it is not a number. */
function parseNumber(text: string | undefined): { value: number; unit: string } | undefined {
  if (text === undefined) return undefined;
  const match = /^\s*(-?\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z%]{0,4})\s*$/.exec(text);
  if (match === null) return undefined;
  return { value: Number(match[1]), unit: match[2] as string };
}

/** Bytes of `81559 MiB`. A bare number is in `bareUnit` (CSV without units prints MiB). */
export function parseMemoryBytes(text: string | undefined, bareUnit = 'MiB'): number | undefined {
  const number = parseNumber(text);
  if (number === undefined || number.value < 0) return undefined;
  const factor = BYTES_PER_UNIT[number.unit === '' ? bareUnit : number.unit];
  if (factor === undefined) return undefined;
  const bytes = Math.round(number.value * factor);
  return bytes <= MEMORY_BYTES_MAX ? bytes : undefined;
}

/** Integer percent in [0, 100]. */
export function parsePercent(text: string | undefined): number | undefined {
  const number = parseNumber(text);
  if (number === undefined || (number.unit !== '%' && number.unit !== '')) return undefined;
  return number.value >= 0 && number.value <= 100 ? Math.round(number.value) : undefined;
}

/** Integer degrees Celsius; negative values are headroom or cold, both real. */
export function parseCelsius(text: string | undefined): number | undefined {
  const number = parseNumber(text);
  if (number === undefined || (number.unit !== 'C' && number.unit !== '')) return undefined;
  return Math.abs(number.value) <= TEMPERATURE_CELSIUS_MAX ? Math.round(number.value) : undefined;
}

/** Watts with the decimals that the driver prints. */
export function parseWatts(text: string | undefined): number | undefined {
  const number = parseNumber(text);
  if (number === undefined || (number.unit !== 'W' && number.unit !== '')) return undefined;
  return number.value >= 0 && number.value <= POWER_WATTS_MAX ? number.value : undefined;
}

/** A counter: digits, optionally followed by a word such as `bank(s)`. */
export function parseCount(text: string | undefined): number | undefined {
  const match = /^\s*(\d{1,15})(?:\s+[a-z()]{1,16})?\s*$/i.exec(text ?? '');
  return match === null ? undefined : Number(match[1]);
}

/** The texts by which a driver says that it has nothing to say, with or without the brackets of CSV. */
const SILENT_TEXTS = new Set([
  '',
  'n/a',
  'none',
  'not active',
  'not found',
  'not supported',
  'unknown error',
  'insufficient permissions',
  'requested functionality has been deprecated',
  'gpu is lost',
  'err!',
]);

/** Text that means something; undefined for the vocabulary of silence. */
export function parseText(text: string | undefined): string | undefined {
  const bare = (text ?? '').trim().replace(/^\[(.*)\]$/, '$1');
  return SILENT_TEXTS.has(bare.toLowerCase()) ? undefined : bare;
}

/** True for the text a driver prints in the fields of a GPU that has left the bus. */
export function saysLost(text: string): boolean {
  return /^\[?gpu is lost\.?\]?$/i.test(text.trim());
}

/** True for the text of a reading that failed, which is worse than one that does not exist. */
export function saysUnknownError(text: string): boolean {
  return /^\[?(?:unknown error|err!)\]?$/i.test(text.trim());
}

/** True for `Yes`, `Enabled` and `Active`. */
export function saysYes(text: string | undefined): boolean {
  return /^(?:yes|enabled|active)$/i.test((text ?? '').trim());
}
