/**
 * Aim: file systems that break what is stored on them are refused, and a folder is made as it is asked for. Method: a
 * table of magic numbers; a real folder.
 */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { judgeFileSystem, prepareFolder } from '../../../../proto/runtime/folder-fitness.ts';

t.test('network and FUSE are refused, memory unless allowed', async (t) => {
  const judge = (magic: number, allow = false) => judgeFileSystem(magic, '/data', allow);
  t.match(judge(0xef53), { fit: true, volatile: false }, 'ext4');
  t.match(judge(0x6969, true), { fit: false, error: { code: 'DATA_FOLDER_UNFIT' } }, 'NFS');
  t.match(judge(0x65735546), { fit: false, error: { message: /FUSE/ } });
  t.match(judge(0xff534d42 | 0), { fit: false, error: { message: /CIFS/ } }, 'as a signed number, too');
  t.match(judge(0x01021994), { fit: false, error: { code: 'DATA_FOLDER_VOLATILE', hint: /\/data/ } });
  t.match(judge(0x01021994, true), { fit: true, volatile: true });
});

t.test('the folder is made with its mode; where none can be made, that is said', async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'nabla-fitness-'));
  t.teardown(() => rm(base, { recursive: true }));
  await prepareFolder(join(base, 'a', 'b'), true, 0o755);
  t.equal((await stat(join(base, 'a', 'b'))).mode & 0o777, 0o755 & ~process.umask());
  await writeFile(join(base, 'file'), '');
  await t.rejects(prepareFolder(join(base, 'file', 'x'), true), { code: 'DATA_FOLDER_NOT_WRITABLE' });
});
