/** One page of a list, as calls give it. */
export interface Page<T> {
  readonly records: readonly T[];
  readonly nextPageToken: string;
}
