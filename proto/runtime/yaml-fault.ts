/**
 * What the YAML library found wrong, with its place, in one line. The library is not loaded by this.
 */

/** The part of the library's line counter that is asked; offsets count UTF-16 code units from the file's start. */
export interface LinePlaces {
  linePos(offset: number): { readonly line: number; readonly col: number };
}

/** First line of the message of `error`, with line and column where the library named an offset. */
export function describeYamlFault(error: unknown, places: LinePlaces): string {
  if (!(error instanceof Error)) return 'not readable';
  const [message = ''] = error.message.split('\n', 1);
  const [offset] = (error as { readonly pos?: readonly number[] }).pos ?? [];
  if (offset === undefined) return message;
  const { line, col } = places.linePos(offset);
  return line === 0 ? message : `${message} at line ${line}, column ${col}`;
}
