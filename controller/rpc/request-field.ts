/**
 * Bounds of request fields that no record's own validation covers: references, request ids, lists.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { DEFAULT_PROJECT_NAME } from '../core/project/decide-project.ts';

/** Longest id, prefix or name that a request may refer by. */
export const REFERENCE_CHARACTERS_MAX = 256;
export const REQUEST_ID_CHARACTERS_MAX = 128;
export const GLOBS_MAX = 64;
export const GLOB_CHARACTERS_MAX = 1024;
export const TAIL_LINES_MAX = 1_000_000;
export const EXEC_ARGUMENTS_MAX = 1024;
export const EXEC_BYTES_MAX = 256 * 1024;

/** @throws ClusterError invalid REQUEST_INVALID */
export function failRequest(path: string, reason: string): never {
  throw new ClusterError('invalid', 'REQUEST_INVALID', `${path} ${reason}`, {
    fields: [{ path, reason }],
    hint: 'correct the field that is named',
  });
}

/** A reference that must be there. */
export function requireReference(text: string, path: string): string {
  if (text === '') failRequest(path, 'is required');
  return optionalReference(text, path);
}

/** The project of a job's call: who names none means the one that every cluster has. */
export function projectReference(text: string): string {
  return text === '' ? DEFAULT_PROJECT_NAME : optionalReference(text, 'project');
}

export function optionalReference(text: string, path: string): string {
  if (text.length > REFERENCE_CHARACTERS_MAX) {
    failRequest(path, `must be at most ${REFERENCE_CHARACTERS_MAX} characters`);
  }
  return text;
}

/** Printable ASCII without spaces, or empty. */
export function checkRequestId(requestId: string): string {
  if (requestId !== '' && !/^[\x21-\x7e]{1,128}$/.test(requestId)) {
    failRequest('requestId', `must be 1 to ${REQUEST_ID_CHARACTERS_MAX} printable characters`);
  }
  return requestId;
}

export function requireWithin(value: number, path: string, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    failRequest(path, `must be between ${min} and ${max}`);
  }
  return value;
}

export function checkGlobs(globs: readonly string[]): readonly string[] {
  if (globs.length > GLOBS_MAX) failRequest('globs', `must be at most ${GLOBS_MAX}`);
  for (const glob of globs) {
    if (glob === '' || glob.length > GLOB_CHARACTERS_MAX) {
      failRequest('globs', `must have 1 to ${GLOB_CHARACTERS_MAX} characters each`);
    }
  }
  return globs;
}
