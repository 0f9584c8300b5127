/**
 * Aim: uploads and downloads survive broken connections without sending or keeping wrong bytes, and a download never
 * leaves its folder. Method: fakes of the HTTP side that break where they are told to.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { downloadArtifact } from '../../../../cli/client/artifact-download.ts';
import type { ArtifactRequest } from '../../../../cli/client/bulk-client.ts';
import { checkRelativePath } from '../../../../cli/client/safe-path.ts';
import { uploadWorkspace } from '../../../../cli/client/workspace-upload.ts';
import { ClusterError, isClusterError } from '../../../../proto/errors/cluster-error.ts';

const broken = (): ClusterError => new ClusterError('unavailable', 'CONTROLLER_UNREACHABLE', 'broke');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const signal = new AbortController().signal;

function tempFolder(t: { teardown(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-transfer-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function codeOf(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'NONE',
    (error: unknown) => (isClusterError(error) ? error.code : String(error)),
  );
}

/** A store that takes at most `acceptBytes` of each body and then breaks, `breaks` times. */
function fakeStore(options: {
  readonly breaks: number;
  readonly acceptBytes: number;
  readonly has?: number;
}) {
  let held = Buffer.alloc(options.has ?? 0, 'x');
  let left = options.breaks;
  let sent = 0;
  return {
    held: () => held,
    sent: () => sent,
    async workspaceOffset(): Promise<'stored' | number> {
      return held.length;
    },
    async appendWorkspace(upload: { offset: number; totalBytes: number; body: Readable }): Promise<number> {
      const chunks: Buffer[] = [];
      for await (const chunk of upload.body) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const taken = left > 0 ? body.subarray(0, options.acceptBytes) : body;
      sent += taken.length;
      held = Buffer.concat([held.subarray(0, upload.offset), taken]);
      if (left > 0) {
        left -= 1;
        throw broken();
      }
      return held.length;
    },
  };
}

t.test('an upload resumes where the store says, and sends nothing twice', async (t) => {
  const path = join(tempFolder(t), 'w.zip');
  const bytes = Buffer.alloc(1000, 'x');
  writeFileSync(path, bytes);
  const archive = { path, sha256: sha256(bytes), sizeBytes: bytes.length };
  const upload = (bulk: ReturnType<typeof fakeStore>, breaks: unknown[] = []) =>
    uploadWorkspace({
      bulk,
      project: 'p',
      archive,
      signal,
      pauseFirstMs: 1,
      onProgress: () => undefined,
      onBreak: (error) => breaks.push(error),
    });
  const breaks: unknown[] = [];
  const store = fakeStore({ breaks: 2, acceptBytes: 300 });
  t.equal(await upload(store, breaks), 'uploaded');
  t.same(store.held(), bytes);
  t.equal(store.sent(), 1000);
  t.equal(breaks.length, 2);

  const half = fakeStore({ breaks: 0, acceptBytes: 0, has: 400 });
  t.equal(await upload(half), 'uploaded');
  t.equal(half.sent(), 600, 'what an earlier try left is used');
  t.equal(await upload({ ...store, workspaceOffset: async () => 'stored' as const }), 'stored');
  t.equal(await codeOf(upload(fakeStore({ breaks: 99, acceptBytes: 0 }))), 'CONTROLLER_UNREACHABLE');
});

/** Serves `bytes`, cutting each answer after `cutBytes`, `cuts` times. */
function fakeFiles(bytes: Buffer, options: { cuts?: number; cutBytes?: number } = {}) {
  let cuts = options.cuts ?? 0;
  const asked: (string | undefined)[] = [];
  return {
    asked,
    async artifact(request: ArtifactRequest) {
      asked.push(request.range);
      const from = Number(/^bytes=(\d+)-$/.exec(request.range ?? '')?.[1] ?? 0);
      const rest = bytes.subarray(from);
      const cut = cuts-- > 0;
      const body = Readable.from(
        (async function* () {
          yield cut ? rest.subarray(0, options.cutBytes) : rest;
          if (cut) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
        })(),
      );
      return { partial: from > 0, sha256: sha256(bytes), sizeBytes: rest.length, body };
    },
  };
}

function download(
  folder: string,
  bulk: ReturnType<typeof fakeFiles>,
  bytes: Buffer,
  path = 'd/x.bin',
  hash = sha256(bytes),
) {
  const artifact = { path, sizeBytes: bytes.length, modifiedAtMs: 0, attempt: 1, sha256: hash };
  return downloadArtifact({
    bulk,
    project: 'p',
    job: 'j',
    artifact,
    folder,
    signal,
    onBytes: () => undefined,
  });
}

t.test('a download resumes, is checked, and leaves no part file behind', async (t) => {
  const bytes = Buffer.from('0123456789'.repeat(100));
  const folder = tempFolder(t);
  const files = fakeFiles(bytes, { cuts: 2, cutBytes: 100 });
  t.match(await download(folder, files, bytes), { unchanged: false });
  t.same(readFileSync(join(folder, 'd/x.bin')), bytes);
  t.same(files.asked, [undefined, 'bytes=100-', 'bytes=200-']);
  t.same(readdirSync(join(folder, 'd')), ['x.bin']);
  t.match(await download(folder, fakeFiles(bytes), bytes), { unchanged: true });

  const other = tempFolder(t);
  t.equal(
    await codeOf(download(other, fakeFiles(bytes), bytes, 'x', sha256(Buffer.from('other')))),
    'ARTIFACT_CHANGED',
  );
  t.same(readdirSync(other), [], 'nothing wrong is kept');
  const empty = Buffer.alloc(0);
  await download(other, fakeFiles(empty), empty, 'empty');
  t.equal(readFileSync(join(other, 'empty')).length, 0);
});

t.test('a path of a job never leaves the folder', async (t) => {
  for (const path of ['../x', '/etc/x', 'a/../../x', 'a//b', './x', '', 'a\\..\\x', 'c:x', 'a\0b', 'a/..']) {
    t.throws(() => checkRelativePath(path), { code: 'PATH_UNSAFE' }, JSON.stringify(path));
  }
  t.same(checkRelativePath('a/..b/c.d'), ['a', '..b', 'c.d']);
  const outside = tempFolder(t);
  const folder = tempFolder(t);
  symlinkSync(outside, join(folder, 'link'));
  mkdirSync(join(folder, 'd'));
  const bytes = Buffer.from('x');
  t.equal(await codeOf(download(folder, fakeFiles(bytes), bytes, 'link/x')), 'PATH_UNSAFE');
  t.same(readdirSync(outside), []);
});

t.test('a file of the longest name that disks take is downloaded too', async (t) => {
  const folder = tempFolder(t);
  const name = 'n'.repeat(250);
  const bytes = Buffer.from('long');
  t.same(await download(folder, fakeFiles(bytes), bytes, name), {
    path: join(folder, name),
    unchanged: false,
  });
  t.same(readdirSync(folder), [name], 'no part file is left');
});

t.test('a server that sends more than it announced is cut off, and nothing of it is kept', async (t) => {
  const folder = tempFolder(t);
  const bytes = Buffer.from('0123456789');
  let sent = 0;
  const endless = {
    ...fakeFiles(bytes),
    async artifact() {
      const body = Readable.from(
        (async function* () {
          for (;;) {
            sent += 1;
            yield bytes;
          }
        })(),
        { highWaterMark: 1 },
      );
      return { partial: false, sha256: sha256(bytes), sizeBytes: bytes.length, body };
    },
  };
  t.equal(await codeOf(download(folder, endless, bytes, 'x')), 'ARTIFACT_CHANGED');
  t.ok(sent < 10, 'what was announced, and what was on its way');
  t.same(readdirSync(folder), []);
});
