/**
 * GPU model names: short forms for people (`NVIDIA H100 80GB HBM3` is `H100`) and matching of what a spec asks for.
 */

const VENDOR_WORDS = new Set([
  'nvidia',
  'amd',
  'tesla',
  'geforce',
  'quadro',
  'instinct',
  'radeon',
  'simulated',
]);
const FAMILY_WORDS = new Set(['rtx', 'gtx', 'titan']);

/** The words of a model name, lower case: letters and digits only. */
function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** `H100`, `A100`, `RTX4090`, `L40S`: the word that tells the model, with its family. */
export function shortGpuModel(model: string): string {
  const words = wordsOf(model).filter((word) => !VENDOR_WORDS.has(word));
  const first = words[0];
  if (first === undefined) return 'GPU';
  const second = words[1];
  if (FAMILY_WORDS.has(first) && second !== undefined) return (first + second).toUpperCase();
  return (words.find((word) => /\d/.test(word)) ?? first).toUpperCase();
}

/**
 * True when `model` is one of `wanted` (or nothing is wanted): the whole name, its short form, or a run of its
 * words, case and punctuation aside. `A100` matches `NVIDIA A100-SXM4-80GB`; `A10` does not.
 */
export function matchesGpuModel(model: string, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const words = wordsOf(model);
  const short = shortGpuModel(model).toLowerCase();
  return wanted.some((text) => {
    const parts = wordsOf(text);
    return parts.length > 0 && (parts.join('') === short || hasRun(words, parts));
  });
}

function hasRun(words: readonly string[], run: readonly string[]): boolean {
  for (let start = 0; start + run.length <= words.length; start++) {
    if (run.every((word, index) => words[start + index] === word)) return true;
  }
  return false;
}
