/**
 * Messages of any schema with fields drawn at random: every kind of value at its bounds and beyond what the product
 * ever sends. Bytes of them are what a peer that speaks protobuf well, and means ill, would send.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import type { SplittableRng } from '../../proto/runtime/rng.ts';

const DEPTH_MAX = 5;
const ITEMS_MAX = 4;
const INTEGERS = [0, 1, -1, 2, 100, 65_535, 1_000_000, 2 ** 31 - 1, -(2 ** 31)];
const LONGS = [0n, 1n, -1n, 1_000n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE, -1e-300];

/** Bytes of a random message. `texts` are strings that mean something somewhere. */
export function makeMessage(schema: DescMessage, rng: SplittableRng, texts: readonly string[]): Uint8Array {
  return toBinary(schema, draw(schema, rng, texts, 0));
}

function draw(schema: DescMessage, rng: SplittableRng, texts: readonly string[], depth: number): Message {
  const message = create(schema) as Message & Record<string, unknown>;
  for (const member of schema.members) {
    if (rng.integer(3) === 0) continue;
    if (member.kind === 'oneof') {
      const field = member.fields[rng.integer(member.fields.length)] as DescField;
      const value = drawField(field, rng, texts, depth);
      if (value !== undefined) message[member.localName] = { case: field.localName, value };
      continue;
    }
    const value = drawField(member, rng, texts, depth);
    if (value !== undefined) message[member.localName] = value;
  }
  return message;
}

function drawField(field: DescField, rng: SplittableRng, texts: readonly string[], depth: number): unknown {
  if (field.fieldKind === 'list') {
    return Array.from({ length: rng.integer(ITEMS_MAX) }, () => drawOne(field, rng, texts, depth)).filter(
      (item) => item !== undefined,
    );
  }
  if (field.fieldKind === 'map') {
    const pairs = Array.from({ length: rng.integer(ITEMS_MAX) }, () => [
      field.mapKey === ScalarType.STRING ? drawText(rng, texts) : String(rng.integer(1_000)),
      drawOne(field, rng, texts, depth),
    ]);
    return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as unknown;
  }
  return drawOne(field, rng, texts, depth);
}

function drawOne(field: DescField, rng: SplittableRng, texts: readonly string[], depth: number): unknown {
  if (field.message !== undefined)
    return depth >= DEPTH_MAX ? undefined : draw(field.message, rng, texts, depth + 1);
  if (field.enum !== undefined) return rng.integer(12) === 0 ? 1_000 : rng.integer(8);
  switch (field.scalar) {
    case ScalarType.STRING:
      return drawText(rng, texts);
    case ScalarType.BYTES:
      return Uint8Array.from({ length: rng.integer(40) }, () => rng.integer(256));
    case ScalarType.BOOL:
      return rng.integer(2) === 1;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return DOUBLES[rng.integer(DOUBLES.length)];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return LONGS[rng.integer(LONGS.length)];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return (LONGS[rng.integer(LONGS.length)] as bigint) & 0xffff_ffff_ffff_ffffn;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return (INTEGERS[rng.integer(INTEGERS.length)] as number) >>> 0;
    default:
      return INTEGERS[rng.integer(INTEGERS.length)];
  }
}

function drawText(rng: SplittableRng, texts: readonly string[]): string {
  const chosen = rng.integer(10);
  if (chosen < 6) return texts[rng.integer(texts.length)] ?? '';
  if (chosen < 8)
    return String.fromCodePoint(...Array.from({ length: rng.integer(12) }, () => drawPoint(rng)));
  return 'x'.repeat(rng.integer(600));
}

/** No half of a surrogate pair: it cannot be put into UTF-8. */
function drawPoint(rng: SplittableRng): number {
  return rng.integer(4) === 0 ? rng.integer(0xd800) : rng.integer(0x80);
}
