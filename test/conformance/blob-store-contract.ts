/**
 * What every blob store owes, as one exported suite: each engine's spec calls it with a way to open a store.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Test } from 'tap';
import type { BlobStat, BlobStore } from '../../controller/blobs/blob-store.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';

export interface BlobStoreUnderTest {
  readonly store: BlobStore;
  /** The same store opened again, as after a crash of the process. */
  reopen(): Promise<BlobStore>;
}

export type OpenBlobStoreUnderTest = (test: Test) => Promise<BlobStoreUnderTest>;

const MIB = 1024 * 1024;

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function* pieces(...texts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text;
}

async function readAll(content: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function keysOf(list: AsyncIterable<BlobStat>): Promise<string[]> {
  const keys: string[] = [];
  for await (const stat of list) keys.push(stat.key);
  return keys.sort();
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return isClusterError(error) ? error.code : `not a ClusterError: ${String(error)}`;
  }
  return 'no error';
}

const HOSTILE_KEYS = [
  '',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/../b',
  './a',
  'a\u0000b',
  'a\nb',
  'a/\ud800',
  'x'.repeat(1025),
];

const CURIOUS_KEYS = [
  'a',
  'a/b',
  'a@',
  'a%40',
  'a@/b',
  '%+',
  'a/%+/b',
  '...',
  ' spaced out ',
  'ünï/码.txt',
  'q\'u"o`te$;|&',
  `${'long'.repeat(100)}/x`,
  `${'码'.repeat(200)}`,
  `${'@'.repeat(300)}/${'%'.repeat(300)}`,
  // What is left of a long name must not become a step out of the folder.
  `${'x'.repeat(240)}..`,
  `${'x'.repeat(240)}../${'y'.repeat(240)}.`,
];

/** Runs the suite as subtests of `parent`. */
export async function blobStoreContract(parent: Test, open: OpenBlobStoreUnderTest): Promise<void> {
  await parent.test('what is stored comes back, with size, sha256 and time', async (t) => {
    const { store } = await open(t);
    const stat = await store.put('p/one', pieces('hel', 'lo'), { sizeMax: 5, modifiedMs: 1234 });
    const want = { key: 'p/one', sizeBytes: 5, sha256: sha256('hello'), modifiedMs: 1234 };
    t.same(stat, want);
    t.same(await store.stat('p/one'), want);
    const opened = await store.open('p/one');
    t.same(opened.stat, want);
    t.equal(await readAll(opened.content), 'hello');
  });

  await parent.test('an empty blob is a blob', async (t) => {
    const { store } = await open(t);
    await store.put('empty', pieces(), { sizeMax: 0 });
    t.equal((await store.stat('empty'))?.sizeBytes, 0);
    t.equal(await readAll((await store.open('empty')).content), '');
  });

  await parent.test('what was never stored is absent', async (t) => {
    const { store } = await open(t);
    t.equal(await store.stat('nothing'), undefined);
    t.equal(await codeOf(store.open('nothing')), 'BLOB_NOT_FOUND');
    t.same(await keysOf(store.list('nothing')), []);
    t.same(await store.remove('nothing'), { blobs: 0, bytes: 0 });
    t.same(await store.folders('nothing'), []);
  });

  await parent.test('ranges are cut to the blob and refused beyond its end', async (t) => {
    const { store } = await open(t);
    await store.put('r', pieces('0123456789'), { sizeMax: 10 });
    const read = async (start: number, end?: number): Promise<string> =>
      readAll((await store.open('r', end === undefined ? { start } : { start, end })).content);
    t.equal(await read(3), '3456789');
    t.equal(await read(3, 5), '34');
    t.equal(await read(8, 100), '89');
    t.equal(await read(10), '', 'the end itself is an empty range');
    t.equal(await read(4, 4), '');
    t.equal(await codeOf(store.open('r', { start: 11 })), 'RANGE_INVALID');
  });

  await parent.test('a refused or broken put leaves the old blob as it was', async (t) => {
    const { store } = await open(t);
    await store.put('k', pieces('old'), { sizeMax: 10 });
    t.equal(await codeOf(store.put('k', pieces('too long'), { sizeMax: 7 })), 'BLOB_TOO_LARGE');
    t.equal(
      await codeOf(store.put('k', pieces('x'), { sizeMax: 7, sha256: sha256('y') })),
      'SHA256_MISMATCH',
    );
    t.equal(await codeOf(store.put('k', pieces('x'), { sizeMax: 7, sizeBytes: 2 })), 'SIZE_MISMATCH');
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the sender went away');
    }
    await t.rejects(store.put('k', broken(), { sizeMax: 10 }));
    t.equal(await readAll((await store.open('k')).content), 'old');
    t.same(await keysOf(store.list('k')), []);
  });

  await parent.test('a reader keeps what it opened while another blob takes its place', async (t) => {
    const { store } = await open(t);
    await store.put('k', pieces(Buffer.alloc(MIB, 'a')), { sizeMax: MIB });
    const opened = await store.open('k');
    await store.put('k', pieces('new'), { sizeMax: MIB });
    t.equal((await readAll(opened.content)).length, MIB);
    t.equal(await readAll((await store.open('k')).content), 'new');
  });

  await parent.test('curious keys are kept apart and listed as they are', async (t) => {
    const { store } = await open(t);
    for (const key of CURIOUS_KEYS) await store.put(`c/${key}`, pieces(key), { sizeMax: 2000 });
    for (const key of CURIOUS_KEYS) {
      t.equal(await readAll((await store.open(`c/${key}`)).content), key);
    }
    t.same(await keysOf(store.list('c')), CURIOUS_KEYS.map((key) => `c/${key}`).sort());
  });

  await parent.test('hostile keys are refused by every call', async (t) => {
    const { store } = await open(t);
    for (const key of HOSTILE_KEYS) {
      t.equal(
        await codeOf(store.put(key, pieces('x'), { sizeMax: 1 })),
        'BLOB_KEY_INVALID',
        JSON.stringify(key),
      );
      t.equal(await codeOf(store.open(key)), 'BLOB_KEY_INVALID');
      t.equal(await codeOf(store.stat(key)), 'BLOB_KEY_INVALID');
      t.equal(await codeOf(store.remove(key)), 'BLOB_KEY_INVALID');
      t.equal(await codeOf(keysOf(store.list(key))), 'BLOB_KEY_INVALID');
      t.equal(await codeOf(store.folders(key)), 'BLOB_KEY_INVALID');
    }
  });

  await parent.test('removal takes the blob and everything below it, and nothing beside it', async (t) => {
    const { store } = await open(t);
    for (const key of ['p/a', 'p/a/x', 'p/a/y/z', 'p/ab', 'p/b']) {
      await store.put(key, pieces('12345'), { sizeMax: 5 });
    }
    t.same(await store.folders('p'), ['a']);
    t.same(await store.remove('p/a'), { blobs: 3, bytes: 15 });
    t.same(await keysOf(store.list('p')), ['p/ab', 'p/b']);
    t.same(await store.remove('p/a'), { blobs: 0, bytes: 0 });
    await store.put('p/a/x', pieces('again'), { sizeMax: 5 });
    t.equal((await store.stat('p/a/x'))?.sizeBytes, 5);
  });

  await parent.test('removing one leaves what is below it', async (t) => {
    const { store } = await open(t);
    await store.put('p/a', pieces('1'), { sizeMax: 5 });
    await store.put('p/a/x', pieces('2'), { sizeMax: 5 });
    await store.removeOne('p/a');
    await store.removeOne('p/a');
    t.same(await keysOf(store.list('p')), ['p/a/x']);
  });

  await parent.test('concurrent puts and removals of one folder never lose a later put', async (t) => {
    const { store } = await open(t);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([
        store.put(`busy/${round}/a`, pieces('a'), { sizeMax: 1 }),
        store.remove(`busy/${round - 1}`),
        store.put(`busy/${round}/b`, pieces('b'), { sizeMax: 1 }),
      ]);
      t.same(await keysOf(store.list(`busy/${round}`)), [`busy/${round}/a`, `busy/${round}/b`]);
    }
  });

  await parent.test('blobs outlive the process, half-made ones do not', async (t) => {
    const { store, reopen } = await open(t);
    await store.put('kept', pieces('kept'), { sizeMax: 4 });
    let breakOff: (error: Error) => void = () => undefined;
    const half = store.put(
      'half',
      (async function* () {
        yield Buffer.from('half');
        await new Promise((_, reject) => {
          breakOff = reject;
        });
      })(),
      { sizeMax: 100 },
    );
    const ended = half.catch(() => 'broken off');
    const again = await reopen();
    t.equal(await readAll((await again.open('kept')).content), 'kept');
    t.equal(await again.stat('half'), undefined);
    t.ok((await again.freeBytes()) > 0);
    // Else its file stays open until the garbage collector complains.
    breakOff(new Error('the connection is gone'));
    t.equal(await ended, 'broken off');
    t.equal(await again.stat('half'), undefined);
  });
}
