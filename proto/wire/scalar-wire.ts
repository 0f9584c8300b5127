/**
 * The scalar rules of the wire: int64 becomes a safe non-negative number, a missing message is an error with
 * its path, maps come out sorted. Everything else in proto/wire is built of these.
 */
import { ClusterError, invariant } from '../errors/cluster-error.ts';

/** Most entries of any map that is converted. Bound of the message size makes more implausible. */
export const WIRE_MAP_ENTRIES_MAX = 4096;

/** @throws ClusterError invalid WIRE_FIELD_INVALID, always. */
export function failField(path: string, reason: string): never {
  throw new ClusterError('invalid', 'WIRE_FIELD_INVALID', 'a field of the message is not valid', {
    fields: [{ path, reason }],
    hint: 'compare the versions of both ends',
  });
}

/**
 * An int64 as a number. All int64 fields of Nabla are counts, bytes or times, so negative is invalid too.
 *
 * @throws ClusterError invalid, with the path, outside 0..2^53-1.
 */
export function fromInt64(value: bigint, path: string): number {
  if (value < 0n || value > 9007199254740991n) failField(path, 'must be between 0 and 2^53 - 1');
  return Number(value);
}

export function fromOptionalInt64(value: bigint | undefined, path: string): number | undefined {
  return value === undefined ? undefined : fromInt64(value, path);
}

/** @throws ClusterError invalid, with the path, when negative. */
export function fromCount(value: number, path: string): number {
  if (value < 0) failField(path, 'must not be negative');
  return value;
}

/** @throws ClusterError bug when the value is not a safe non-negative integer: domain data never is. */
export function toInt64(value: number): bigint {
  invariant(Number.isSafeInteger(value) && value >= 0, 'WIRE_INT64_RANGE', { value: String(value) });
  return BigInt(value);
}

/** @throws ClusterError invalid, with the path, when the message is absent. */
export function fromPresent<T>(value: T | undefined, path: string): T {
  if (value === undefined) failField(path, 'is required');
  return value;
}

/** A plain record with sorted keys, so that equal maps have equal bytes. `__proto__` stays an own key. */
export function sortedRecord<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  const keys = Object.keys(record).sort();
  return Object.fromEntries(keys.map((key) => [key, record[key] as T]));
}

/** @throws ClusterError invalid when the map has more than {@link WIRE_MAP_ENTRIES_MAX} entries. */
export function fromMap<T>(record: Readonly<Record<string, T>>, path: string): Record<string, T> {
  if (Object.keys(record).length > WIRE_MAP_ENTRIES_MAX) failField(path, 'has too many entries');
  return sortedRecord(record);
}

/** `{ [key]: value }`, or nothing when undefined: for optional fields under exactOptionalPropertyTypes. */
export function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}
