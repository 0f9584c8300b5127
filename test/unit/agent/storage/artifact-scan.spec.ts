/**
 * Aim: only regular files inside the folder are outputs, whatever a task puts or swaps there, and the bounds
 * hold. Method: a real folder with every kind of entry.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import {
  DEFAULT_ARTIFACT_LIMITS,
  openArtifact,
  scanArtifacts,
} from '../../../../agent/storage/artifact-scan.ts';

async function folderOf(t: { teardown(close: () => Promise<void>): void }): Promise<string> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'nabla-artifacts-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await mkdir(path.join(root, 'outside'));
  await writeFile(path.join(root, 'outside', 'secret'), 'secret');
  await mkdir(path.join(root, 'artifacts', 'sub'), { recursive: true });
  await writeFile(path.join(root, 'artifacts', 'a'), 'aa');
  await writeFile(path.join(root, 'artifacts', 'sub', 'b'), 'b');
  return root;
}

t.test('files are found; links, pipes and unfit names are not', async (t) => {
  const root = path.join(await folderOf(t), 'artifacts');
  await symlink('/etc/passwd', path.join(root, 'link'));
  await symlink('../outside', path.join(root, 'folder-link'));
  execFileSync('mkfifo', [path.join(root, 'pipe')]);
  await writeFile(path.join(root, 'line\nbreak'), '');
  const scan = await scanArtifacts(root, DEFAULT_ARTIFACT_LIMITS);
  t.same(
    scan.files.map((file) => [file.path, file.sizeBytes]),
    [
      ['a', 2],
      ['sub/b', 1],
    ],
  );
  t.equal(scan.skippedCount, 4);
});

t.test('an absent folder is empty', async (t) => {
  t.same((await scanArtifacts('/no/such/folder', DEFAULT_ARTIFACT_LIMITS)).files, []);
});

t.test('bounds hold at the bound and not before', async (t) => {
  const root = path.join(await folderOf(t), 'artifacts');
  const count = async (part: Partial<typeof DEFAULT_ARTIFACT_LIMITS>) => {
    const scan = await scanArtifacts(root, { ...DEFAULT_ARTIFACT_LIMITS, ...part });
    return [scan.files.length, scan.overLimitCount];
  };
  t.same(await count({ filesMax: 2 }), [2, 0]);
  t.same(await count({ filesMax: 1 }), [1, 1]);
  t.same(await count({ totalBytesMax: 3 }), [2, 0]);
  t.same(await count({ totalBytesMax: 2 }), [1, 1]);
  t.same(await count({ fileBytesMax: 1 }), [1, 1]);
});

t.test('a look ends, however many entries a task makes', async (t) => {
  const root = path.join(await folderOf(t), 'artifacts');
  for (let at = 0; at < 200; at += 1) await mkdir(path.join(root, 'sub', `folder-${at}`));
  const all = await scanArtifacts(root, { ...DEFAULT_ARTIFACT_LIMITS, entriesMax: 203 });
  t.same([all.files.length, all.overLimitCount], [2, 0], 'at the bound nothing is left out');
  const some = await scanArtifacts(root, { ...DEFAULT_ARTIFACT_LIMITS, entriesMax: 202 });
  t.same([some.files.length, some.overLimitCount], [1, 1], 'beyond it the look ends and says so');
});

t.test('a file that was swapped after the look is not opened', async (t) => {
  const folder = await folderOf(t);
  const root = path.join(folder, 'artifacts');
  const { files } = await scanArtifacts(root, DEFAULT_ARTIFACT_LIMITS);
  const [a, b] = files;
  if (a === undefined || b === undefined) throw new Error('two files were made');
  const open = await openArtifact(root, a);
  t.equal((await open.readFile()).toString(), 'aa');
  await open.close();
  await rm(path.join(root, 'a'));
  await symlink('../outside/secret', path.join(root, 'a'));
  await t.rejects(openArtifact(root, a), { code: 'ARTIFACT_CHANGED' });
  // The folder above it becomes a link to where a file of that very inode lies.
  await rename(path.join(root, 'sub'), path.join(folder, 'moved'));
  await symlink('../moved', path.join(root, 'sub'));
  await t.rejects(openArtifact(root, b), { code: 'ARTIFACT_CHANGED' });
});
