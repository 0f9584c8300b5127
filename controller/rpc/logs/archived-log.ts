/**
 * Reads a log that lies whole in the blob store. Offsets are logical and gaps take no room in the file, so the
 * place of an offset is found by going through the frames before it; a stored log is bounded by the host's cap.
 */
import type { LogFrameKind } from '../../../proto/domain/frame.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { type PlacedFrame, readLogFrames } from './log-frames.ts';
import { createLineSkipper, createTailWindow } from './log-tail.ts';

export interface ArchivedLogQuery {
  readonly offset: number;
  /** 0: from the offset. */
  readonly tailLines: number;
  /** Undefined: both. */
  readonly stream: LogFrameKind | undefined;
}

/** Batches of frames of the wanted stream, gaps included. */
export async function* readArchivedLog(
  blobs: BlobStore,
  key: string,
  query: ArchivedLogQuery,
): AsyncGenerator<readonly PlacedFrame[]> {
  const tail = query.tailLines > 0 ? await findTail(blobs, key, query) : undefined;
  const skip = createLineSkipper(tail?.skipLines ?? 0);
  const from = query.tailLines > 0 ? (tail?.offset ?? 0) : query.offset;
  const { content } = await blobs.open(key);
  for await (const batch of readLogFrames(content, { start: 0, from })) {
    const frames = batch
      .filter(({ frame }) => isWanted(frame.kind, query.stream))
      .map((placed) => (placed.frame.kind === 'gap' ? placed : skip(placed)))
      .filter((placed) => placed !== undefined);
    if (frames.length > 0) yield frames;
  }
}

export function isWanted(kind: LogFrameKind, stream: LogFrameKind | undefined): boolean {
  return kind === 'gap' || stream === undefined || kind === stream;
}

async function findTail(
  blobs: BlobStore,
  key: string,
  query: ArchivedLogQuery,
): Promise<{ readonly offset: number; readonly skipLines: number } | undefined> {
  const window = createTailWindow(query.tailLines, query.stream);
  const { content } = await blobs.open(key);
  for await (const batch of readLogFrames(content, { start: 0 })) {
    for (const placed of batch) window.add(placed);
  }
  return window.start();
}
