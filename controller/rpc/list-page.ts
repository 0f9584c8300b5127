/**
 * One page of any list as its reply carries it, cut to fit into one message.
 */
import { type ListOptions, queryList } from '../../proto/domain/list-query.ts';
import type { ListKind } from '../../proto/domain/record-list.ts';
import type { ListOptions as WireListOptions } from '../../proto/gen/nabla/v1/common_pb.ts';
import { createEncode } from '../../proto/rpc/codec.ts';
import { fromWireListOptions } from '../../proto/wire/catalog-wire.ts';

/** Clients take messages of 1 MiB; the rest of it is the page's frame. */
export const PAGE_BYTES_MAX = 768 * 1024;

type MessageSchema = Parameters<typeof createEncode>[0];

export interface PageSource<T, W> {
  readonly kind: ListKind<T>;
  readonly records: readonly T[];
  readonly schema: MessageSchema;
  readonly toWire: (record: T) => W;
}

export interface Page<W> {
  readonly records: W[];
  readonly nextPageToken: string;
}

/** @throws ClusterError invalid LIST_OPTIONS_INVALID */
export function listPage<T, W>(source: PageSource<T, W>, wireOptions: WireListOptions | undefined): Page<W> {
  const options: ListOptions = fromWireListOptions(wireOptions);
  const list = { ...source.kind, records: source.records };
  const page = queryList(list, options);
  const records = page.records.map(source.toWire);
  const encode = createEncode(source.schema);
  let bytes = 0;
  const fits = records.findIndex((record) => {
    bytes += encode(record).length;
    return bytes > PAGE_BYTES_MAX;
  });
  if (fits === -1) return { records, nextPageToken: page.nextPageToken };
  const limit = Math.max(1, fits);
  const shorter = queryList(list, { ...options, limit });
  return { records: records.slice(0, limit), nextPageToken: shorter.nextPageToken };
}
