/**
 * Aim: whatever a job prints arrives byte for byte, however long its lines, and none of it drives a terminal that
 * it was not meant for.
 * Method: jobs print every byte value and one line of 100 MB; both are read back by following and from the archive,
 * and compared by hash.
 */
import { createHash } from 'node:crypto';
import t from 'tap';
import { openCluster } from '../acceptance/live-processes.ts';

const LONG_LINE_BYTES = 100_000_000;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

t.test('binary output is byte-exact', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i + (i >> 8)) % 256));
  const folder = t.testdir({});
  const { writeFileSync } = await import('node:fs');
  writeFileSync(`${folder}/bytes.bin`, bytes);
  const end = await cli.run([
    'jobs',
    'run',
    '--name',
    'bytes',
    '--workspace',
    folder,
    '--',
    'cat',
    'bytes.bin',
  ]);
  t.equal(sha256(end.stdoutBytes), sha256(bytes), 'while following');
  const later = await cli.run(['jobs', 'logs', 'bytes']);
  t.equal(sha256(later.stdoutBytes), sha256(bytes), 'and afterwards');
  const part = await cli.run(['jobs', 'logs', 'bytes', '--offset', '1000']);
  t.ok(part.stdoutBytes.equals(bytes.subarray(1_000)), 'from an offset');
  const err = await cli.run([
    'jobs',
    'run',
    '--name',
    'err',
    '--command',
    'printf "\\000\\377\\n" >&2; echo out',
  ]);
  t.equal(err.stdout, 'out\n');
  const stream = await cli.run(['jobs', 'logs', 'err', '--stream', 'stderr']);
  t.ok(stream.stdoutBytes.length + Buffer.byteLength(stream.stderr) >= 3);
  const odd = await cli.run(['jobs', 'run', '--name', 'no-end', '--command', 'printf "no line end"']);
  t.equal(odd.stdout, 'no line end');
});

t.test('one line of 100 MB arrives whole, and the cluster stays well', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  const line = `head -c ${LONG_LINE_BYTES} /dev/zero | tr '\\0' x; echo; echo after`;
  const end = await cli.run(['jobs', 'run', '--name', 'long', '--command', line], { timeoutMs: 55_000 });
  t.equal(end.code, 0, end.stderr);
  const expected = createHash('sha256');
  const chunk = Buffer.alloc(1_000_000, 'x');
  for (let sent = 0; sent < LONG_LINE_BYTES; sent += chunk.length) expected.update(chunk);
  expected.update('\nafter\n');
  t.equal(end.stdoutBytes.length, LONG_LINE_BYTES + 7);
  t.equal(sha256(end.stdoutBytes), expected.digest('hex'));
  const tail = await cli.run(['jobs', 'logs', 'long', '--tail', '1']);
  t.equal(tail.stdout, 'after\n', 'its end can be asked for alone');
  t.equal((await cli.run(['jobs', 'run', '--', 'echo', 'well'])).stdout, 'well\n');
});
