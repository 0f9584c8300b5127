/**
 * What a part says in one line, from the last lines of its pieces. Pure.
 */

/** Adds number by number; the words are those of the first line. Undefined when the lines are not of one form. */
export function addLines(lines: readonly string[]): string | undefined {
  const [first] = lines;
  if (first === undefined) return undefined;
  const words = first.split(/\d+/);
  const sums = numbersOf(first).map(() => 0);
  for (const line of lines) {
    if (line.split(/\d+/).join('#') !== words.join('#')) return undefined;
    for (const [index, number] of numbersOf(line).entries()) sums[index] = (sums[index] ?? 0) + number;
  }
  return words.map((word, index) => (index === 0 ? word : `${sums[index - 1]}${word}`)).join('');
}

function numbersOf(line: string): readonly number[] {
  return (line.match(/\d+/g) ?? []).map(Number);
}

/** `N passed, N failed, N skipped` of a TAP stream. */
export function tapLine(text: string): string {
  const points = text.split('\n').filter((line) => /^\s+(not )?ok \d+/.test(line));
  const skipped = points.filter((line) => / # skip/i.test(line)).length;
  const failed = points.filter((line) => /^\s+not ok/.test(line)).length;
  return `${points.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`;
}
