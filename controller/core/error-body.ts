/**
 * Reads the JSON error body that every HTTP door and exec stream of Nabla sends back into the same error.
 */
import { ClusterError, ERROR_KINDS, type ErrorKind } from '../../proto/errors/cluster-error.ts';

const TEXT_CHARACTERS_MAX = 512;

/** Undefined when `text` is not such a body. Never throws. */
export function fromErrorBody(text: string): ClusterError | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: Readonly<Record<string, unknown>> };
    const kind = error?.['kind'];
    if (typeof kind !== 'string' || !(ERROR_KINDS as readonly string[]).includes(kind)) return undefined;
    const part = (name: string): string => String(error?.[name] ?? '').slice(0, TEXT_CHARACTERS_MAX);
    return new ClusterError(kind as ErrorKind, part('code'), part('message'), { hint: part('hint') });
  } catch {
    // Not JSON: the caller says what it knows without it.
    return undefined;
  }
}
