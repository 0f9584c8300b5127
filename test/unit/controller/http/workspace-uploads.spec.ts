/**
 * Aim: what is stored under a sum is what has that sum, whoever uploads at the same moment. Method: a blob store whose
 * looks are answered when the test says, so that two pieces come to the same place in step.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import type { BlobStore } from '../../../../controller/blobs/blob-store.ts';
import { openWorkspaceUploads } from '../../../../controller/http/workspace-uploads.ts';
import type { ProjectId } from '../../../../proto/domain/ids.ts';
import { createClock } from '../../../../proto/runtime/clock.ts';

t.test('two pieces of one archive that arrive together never write side by side', async (t) => {
  const folder = t.testdir();
  const right = Buffer.alloc(1000, 'r');
  const sha256 = createHash('sha256').update(right).digest('hex');
  const looks: (() => void)[] = [];
  let adopted: Buffer | undefined;
  const blobs = {
    stat: () => new Promise<undefined>((resolve) => looks.push(() => resolve(undefined))),
    freeBytes: async () => Number.MAX_SAFE_INTEGER,
    adopt: async (_key: string, file: string) => {
      adopted = await readFile(file);
    },
  } as unknown as BlobStore;
  const uploads = await openWorkspaceUploads({ folder, blobs, sizeMax: 1e6, clock: createClock() });
  const target = { projectId: 'prj_1' as ProjectId, sha256 };
  const open: (() => void)[] = [];
  const piece = (bytes: Buffer) => ({
    offset: 0,
    lengthBytes: bytes.length,
    body: (async function* () {
      await new Promise<void>((resolve) => open.push(resolve));
      yield bytes;
    })(),
  });
  const ends = [
    uploads.append(target, piece(right)),
    uploads.append(target, piece(Buffer.alloc(1000, 'w'))),
  ].map((end) =>
    end.then(
      () => 'stored',
      (error: { code: string }) => error.code,
    ),
  );
  const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
  for (let round = 0; round < 6; round += 1) {
    for (const answer of looks.splice(0)) answer();
    await turn();
  }
  for (const letIn of open) {
    letIn();
    await turn();
  }
  for (const answer of looks.splice(0)) answer();
  const told = await Promise.all(ends);
  t.notSame(told, ['stored', 'stored'], 'at most one of them is stored');
  t.ok(told.includes('UPLOAD_DISPLACED'), 'the first gave way to the second before it wrote');
  if (adopted !== undefined) t.equal(createHash('sha256').update(adopted).digest('hex'), sha256);
});
