/**
 * Request ids: one per command that creates something, so that a repeated call makes nothing twice.
 */
import { randomUUID } from 'node:crypto';

export function newRequestId(): string {
  return randomUUID();
}
