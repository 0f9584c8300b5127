/**
 * Aim: what is stored under a sum is what has that sum, whoever uploads at the same moment. Method: a blob store that
 * answers the looks of two pieces together, and bodies that wait until both pieces have come as far as they can.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import type { BlobStore } from '../../../../controller/blobs/blob-store.ts';
import { openWorkspaceUploads } from '../../../../controller/http/workspace-uploads.ts';
import type { ProjectId } from '../../../../proto/domain/ids.ts';
import { createClock } from '../../../../proto/runtime/clock.ts';

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function makeGate(): Gate {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

t.test('two pieces of one archive that arrive together never write side by side', async (t) => {
  const folder = t.testdir();
  const right = Buffer.alloc(1000, 'r');
  const sha256 = createHash('sha256').update(right).digest('hex');
  const bothLooked = makeGate();
  const letIn = makeGate();
  let looks = 0;
  let adopted: Buffer | undefined;
  const blobs = {
    stat: async () => {
      looks += 1;
      if (looks === 2) bothLooked.open();
      if (looks <= 2) await bothLooked.opened;
      return undefined;
    },
    freeBytes: async () => Number.MAX_SAFE_INTEGER,
    adopt: async (_key: string, file: string) => {
      adopted = await readFile(file);
    },
  } as unknown as BlobStore;
  const uploads = await openWorkspaceUploads({ folder, blobs, sizeMax: 1e6, clock: createClock() });
  const target = { projectId: 'prj_1' as ProjectId, sha256 };
  const sent = [right, Buffer.alloc(1000, 'w')].map((bytes) => {
    /** It waits for its bytes, or was turned away before that. */
    const arrived = makeGate();
    const body = (async function* () {
      arrived.open();
      await letIn.opened;
      yield bytes;
    })();
    const end = uploads.append(target, { offset: 0, lengthBytes: bytes.length, body }).then(
      () => 'stored',
      (error: { code: string }) => error.code,
    );
    void end.then(arrived.open);
    return { arrived: arrived.opened, end };
  });
  await Promise.all(sent.map(({ arrived }) => arrived));
  letIn.open();
  const told = await Promise.all(sent.map(({ end }) => end));
  t.notSame(told, ['stored', 'stored'], 'at most one of them is stored');
  t.ok(told.includes('UPLOAD_DISPLACED'), 'the first gave way to the second before it wrote');
  if (adopted !== undefined) t.equal(createHash('sha256').update(adopted).digest('hex'), sha256);
});
