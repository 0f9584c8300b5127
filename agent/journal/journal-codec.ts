/**
 * Journal values: JSON behind a checksum of its own, because the database below hides flipped bits.
 * A value that fails its check is a lost value, never a wrong one.
 */
import { crc32 } from 'node:zlib';
import { ClusterError } from '../../proto/errors/cluster-error.ts';

const CHECKSUM_CHARACTERS = 8;

/** `crc32 in hex` + JSON. */
export function encodeValue(value: unknown): string {
  const json = JSON.stringify(value);
  return crc32(json).toString(16).padStart(CHECKSUM_CHARACTERS, '0') + json;
}

/**
 * The value again.
 *
 * @throws ClusterError corrupt JOURNAL_CORRUPT
 */
export function decodeValue(text: string): unknown {
  const json = text.slice(CHECKSUM_CHARACTERS);
  if (crc32(json) !== Number.parseInt(text.slice(0, CHECKSUM_CHARACTERS), 16)) throw corrupt();
  try {
    return JSON.parse(json);
  } catch {
    // The checksum held, so a former version wrote something that is not JSON: as good as corrupt.
    throw corrupt();
  }
}

function corrupt(): ClusterError {
  return new ClusterError('corrupt', 'JOURNAL_CORRUPT', 'a value of the journal fails its checksum', {
    hint: 'the disk of the data folder may be failing; running tasks are adopted from the driver',
  });
}
