/**
 * Aim: files are whole or absent, owner-only where asked, and failures are told by kind. Method: a folder of its own
 * in the system's temporary place, and a row per errno.
 */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import {
  makeSecretFolder,
  readTextFile,
  SECRET_FILE_MODE,
  writeFileAtomically,
} from '../../../../proto/runtime/durable-file.ts';
import { toFileError } from '../../../../proto/runtime/file-error.ts';
import { caughtAsync } from '../../../kit/caught.ts';

async function openFolder(t: { teardown(close: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-durable-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

t.test('a file is replaced whole, with the mode asked for, and no draft stays', async (t) => {
  const folder = await openFolder(t);
  const path = join(folder, 'token');
  await writeFileAtomically(path, 'one', { mode: SECRET_FILE_MODE });
  await writeFileAtomically(path, 'two', { mode: SECRET_FILE_MODE });
  t.equal(await readFile(path, 'utf8'), 'two');
  t.equal((await stat(path)).mode & 0o777, 0o600);
  t.strictSame(await readdir(folder), ['token']);
});

t.test('writers at once leave one of their contents whole', async (t) => {
  const folder = await openFolder(t);
  const path = join(folder, 'f');
  const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(10_000));
  await Promise.all(contents.map((content) => writeFileAtomically(path, content)));
  t.ok(contents.includes(await readFile(path, 'utf8')));
  t.strictSame(await readdir(folder), ['f']);
});

t.test('a failure leaves the old file and no draft', async (t) => {
  const folder = await openFolder(t);
  const missing = join(folder, 'missing', 'f');
  t.match(await caughtAsync(() => writeFileAtomically(missing, 'x')), {
    kind: 'not-found',
    code: 'FILE_NOT_FOUND',
  });
  await makeSecretFolder(join(folder, 'taken'));
  await writeFile(join(folder, 'taken', 'x'), '');
  t.match(await caughtAsync(() => writeFileAtomically(join(folder, 'taken'), 'x')), { code: 'IS_A_FOLDER' });
  t.strictSame(await readdir(folder), ['taken']);
});

t.test('secret folders are for their owner', async (t) => {
  const folder = await openFolder(t);
  await makeSecretFolder(join(folder, 'a', 'b'));
  t.equal((await stat(join(folder, 'a', 'b'))).mode & 0o777, 0o700);
});

t.test('reading: absent is undefined, too large is refused', async (t) => {
  const folder = await openFolder(t);
  const path = join(folder, 'f');
  t.equal(await readTextFile(path, 10), undefined);
  await writeFile(path, 'x'.repeat(10));
  t.equal((await readTextFile(path, 10))?.length, 10);
  t.match(await caughtAsync(() => readTextFile(path, 9)), { code: 'FILE_TOO_LARGE' });
  t.match(await caughtAsync(() => readTextFile(folder, 1e9)), { code: 'IS_A_FOLDER' });
});

const ROWS = [
  ['ENOSPC', 'unavailable', 'DISK_FULL'],
  ['EDQUOT', 'unavailable', 'DISK_FULL'],
  ['EACCES', 'forbidden', 'FILE_FORBIDDEN'],
  ['EPERM', 'forbidden', 'FILE_FORBIDDEN'],
  ['EROFS', 'forbidden', 'FILE_SYSTEM_READ_ONLY'],
  ['EMFILE', 'unavailable', 'TOO_MANY_FILES'],
  ['ENFILE', 'unavailable', 'TOO_MANY_FILES'],
  ['ENOENT', 'not-found', 'FILE_NOT_FOUND'],
  ['EEXIST', 'exists', 'FILE_EXISTS'],
  ['EISDIR', 'invalid', 'IS_A_FOLDER'],
  ['ENOTDIR', 'invalid', 'NOT_A_FOLDER'],
  ['ELOOP', 'invalid', 'LINK_LOOP'],
  ['ENAMETOOLONG', 'invalid', 'PATH_TOO_LONG'],
  ['EIO', 'corrupt', 'DISK_IO'],
  ['EWHATEVER', 'bug', 'UNEXPECTED'],
] as const;

t.test('every errno has its kind, with the cause kept', async (t) => {
  for (const [code, kind, name] of ROWS) {
    const cause = Object.assign(new Error(code), { code });
    t.match(toFileError(cause, '/x'), { kind, code: name, cause });
  }
  const own = new ClusterError('quota', 'X', 'x');
  t.equal(toFileError(own, '/x'), own);
});
