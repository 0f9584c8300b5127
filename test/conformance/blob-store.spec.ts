/**
 * Aim: the directory blob store keeps the contract of every blob store, and its own promises about scraps,
 * damage and adopted files. Method: the exported suite, then looks at the folder itself.
 */
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openDirectoryBlobStore } from '../../controller/blobs/directory-blob-store.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import { blobStoreContract } from './blob-store-contract.ts';

const clock = createClock();

t.test('the directory engine keeps the contract', async (t) => {
  await blobStoreContract(t, async (t) => {
    const folder = t.testdir();
    return {
      store: await openDirectoryBlobStore({ folder, clock }),
      reopen: () => openDirectoryBlobStore({ folder, clock }),
    };
  });
});

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

t.test('nothing is left beside the blobs after refusals and removals', async (t) => {
  const folder = t.testdir();
  const store = await openDirectoryBlobStore({ folder, clock });
  await t.rejects(store.put('a/b', chunks('xyz'), { sizeMax: 2 }));
  await store.put('a/c', chunks('x'), { sizeMax: 2 });
  await store.remove('a');
  t.same(await filesBelow(folder), []);
  t.same(await readdir(join(folder, 'blobs')), [], 'empty folders go too');
});

t.test('a cut file is said to be damaged, never read as if whole', async (t) => {
  const folder = t.testdir();
  const store = await openDirectoryBlobStore({ folder, clock });
  await store.put('k', chunks('0123456789'), { sizeMax: 10 });
  await truncate(join(folder, 'blobs', 'k@'), 60);
  await t.rejects(store.open('k'), { code: 'BLOB_CORRUPT', kind: 'corrupt' });
});

t.test('an adopted file becomes the blob and is gone from where it was', async (t) => {
  const folder = t.testdir({ 'upload.part': 'the content' });
  const store = await openDirectoryBlobStore({ folder: join(folder, 'store'), clock });
  const source = join(folder, 'upload.part');
  const stat = await store.adopt('w/x', source, { sha256: sha256Hex('the content') });
  t.equal(stat.sizeBytes, 11);
  t.same(await store.stat('w/x'), stat);
  await t.rejects(readFile(source), { code: 'ENOENT' });
  await writeFile(source, 'other');
  await t.rejects(store.adopt('../x', source, { sha256: sha256Hex('other') }), { code: 'BLOB_KEY_INVALID' });
  t.equal(await readFile(source, 'utf8'), 'other');
});

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
