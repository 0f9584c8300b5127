/**
 * Uploads an archive by its content address: skipped when the server has it, resumed where a broken upload ended.
 */
import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { BulkClient } from './bulk-client.ts';
import type { WorkspaceArchive } from './workspace-archive.ts';

/** Breaks in a row, without one byte of progress between them, after which the upload fails. */
const BREAKS_MAX = 6;
const PAUSE_FIRST_MS = 250;
const PAUSE_MAX_MS = 4_000;

export interface UploadRequest {
  readonly bulk: Pick<BulkClient, 'workspaceOffset' | 'appendWorkspace'>;
  readonly project: string;
  readonly archive: Pick<WorkspaceArchive, 'path' | 'sha256' | 'sizeBytes'>;
  readonly signal: AbortSignal;
  /** Pause after the first break; doubles up to 4 s. Default 250 ms. */
  readonly pauseFirstMs?: number;
  onProgress(sentBytes: number, totalBytes: number): void;
  /** Called before each pause after a break. */
  onBreak(error: unknown): void;
}

/** Resolves to whether bytes had to be sent. @throws ClusterError of the last break, or of a refusal */
export async function uploadWorkspace(request: UploadRequest): Promise<'stored' | 'uploaded'> {
  const { bulk, project, archive, signal } = request;
  let breaks = 0;
  let reached = -1;
  let sent = false;
  for (;;) {
    signal.throwIfAborted();
    try {
      const offset = await bulk.workspaceOffset(project, archive.sha256);
      if (offset === 'stored') return sent ? 'uploaded' : 'stored';
      if (offset > reached) breaks = 0;
      reached = Math.max(reached, offset);
      sent = true;
      const body = openFrom(request, offset);
      const next = await bulk.appendWorkspace({
        project,
        sha256: archive.sha256,
        offset,
        totalBytes: archive.sizeBytes,
        body,
      });
      if (next >= archive.sizeBytes) return 'uploaded';
    } catch (error) {
      if (!isTransient(error)) throw error;
      breaks += 1;
      if (breaks >= BREAKS_MAX) throw error;
      request.onBreak(error);
      await pause(
        Math.min((request.pauseFirstMs ?? PAUSE_FIRST_MS) * 2 ** (breaks - 1), PAUSE_MAX_MS),
        undefined,
        { signal },
      );
    }
  }
}

function isTransient(error: unknown): boolean {
  return isClusterError(error) && (error.kind === 'unavailable' || error.kind === 'conflict');
}

function openFrom(request: UploadRequest, offset: number): Transform {
  const { archive } = request;
  let sent = offset;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      request.onProgress(sent, archive.sizeBytes);
      done(null, chunk);
    },
  });
  // An empty rest still makes one request: the last byte's arrival is what verifies the archive.
  const source = createReadStream(archive.path, { start: offset, highWaterMark: 256 * 1024 });
  source.on('error', (error) => meter.destroy(error));
  meter.on('close', () => source.destroy());
  return source.pipe(meter);
}
