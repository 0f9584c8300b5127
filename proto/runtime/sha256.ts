/**
 * sha256 as 64 characters of lower-case hex, for content addresses and spec hashes.
 */
import { createHash } from 'node:crypto';

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
