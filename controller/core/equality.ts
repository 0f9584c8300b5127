/** Deep equality of plain JSON-like data, for telling a repeated report from a changed one. */

/** True when both are the same plain data; key order does not matter, `undefined` fields count as absent. */
export function isSamePlain(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const a = left as Record<string, unknown>;
  const b = right as Record<string, unknown>;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) if (!isSamePlain(a[key], b[key])) return false;
  return true;
}
