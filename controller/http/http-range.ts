/**
 * The Range header of one request (RFC 9110 section 14): a single range of bytes, or nothing that we serve.
 */

/** Bytes `start` up to but not including `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** `whole`: serve everything; `unsatisfiable`: 416. Several ranges are served as the whole, which is allowed. */
export function parseRange(header: string | undefined, sizeBytes: number): Span | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}
