/**
 * Aim: the tar archives that become the demo's image are what tar itself reads, and the input queue keeps its bound.
 * Method: archives are listed and unpacked by the machine's tar.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createTarStream } from '../../../../cli/command/demo/tar-stream.ts';
import { createInputQueue } from '../../../../cli/command/input-queue.ts';

t.test('tar reads the archive', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-tar-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  writeFileSync(source, 'x'.repeat(1000));
  const chunks: Buffer[] = [];
  const tar = createTarStream([
    { kind: 'folder', name: 'bin', mode: 0o755 },
    { kind: 'file', name: 'bin/a', mode: 0o755, path: source, sizeBytes: 1000 },
    { kind: 'text', name: 'etc', mode: 0o644, text: 'hello\n' },
    { kind: 'text', name: 'empty', mode: 0o600, text: '' },
    { kind: 'link', name: 'bin/sh', target: '/bin/a' },
  ]);
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const file = join(folder, 'x.tar');
  writeFileSync(file, Buffer.concat(chunks));
  const list = execFileSync('tar', ['-tvf', file], { encoding: 'utf8' });
  t.match(list, /drwxr-xr-x[^\n]* bin\/\n-rwxr-xr-x[^\n]* 1000 [^\n]* bin\/a\n/);
  t.match(list, /bin\/sh -> \/bin\/a/);
  execFileSync('tar', ['-xf', file, '-C', folder]);
  t.equal(readFileSync(join(folder, 'bin', 'a'), 'utf8'), 'x'.repeat(1000));
  t.equal(readFileSync(join(folder, 'etc'), 'utf8'), 'hello\n');
  t.equal(statSync(join(folder, 'empty')).size, 0);
  const tooLong = createTarStream([{ kind: 'text', name: 'n'.repeat(101), mode: 0, text: '' }]);
  await t.rejects(tooLong.toArray(), { message: /too long/ });
});

t.test('a queue drops bursts at its bound and never what is waited for', async (t) => {
  const queue = createInputQueue<number>();
  for (let item = 0; item < 300; item++) queue.push(item);
  const taken = queue.pushAndWait(-1);
  queue.end();
  queue.push(7);
  const seen: number[] = [];
  for await (const item of queue) seen.push(item);
  await taken;
  t.equal(seen.length, 257, '256 and the one that was waited for');
  t.equal(seen.at(-1), -1);
});
