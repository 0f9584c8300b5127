/**
 * Aim: honest archives unpack exactly; hostile ones are refused whole, each for its own reason, and leave
 * nothing behind. Method: zips built by hand, byte by byte, from a table.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import t from 'tap';
import { DEFAULT_ARCHIVE_LIMITS } from '../../../../agent/storage/archive-limits.ts';
import { unpackArchive } from '../../../../agent/storage/unpack-archive.ts';

interface ZipEntry {
  readonly name: string | Buffer;
  readonly data?: Buffer;
  readonly method?: number;
  readonly mode?: number;
  readonly flags?: number;
  /** What the local header says, where it differs. */
  readonly localName?: string;
  readonly localMethod?: number;
  readonly localSize?: number;
  readonly claimedSize?: number;
  readonly crc?: number;
  /** Take the bytes of the first entry. */
  readonly shared?: boolean;
  readonly extra?: Buffer;
}

function buildZip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const data = entry.data ?? Buffer.alloc(0);
    const method = entry.method ?? (data.length === 0 ? 0 : 8);
    const packed = method === 8 ? deflateRawSync(data) : data;
    const size = entry.claimedSize ?? data.length;
    const crc = entry.crc ?? crc32(data);
    const localName = Buffer.from(entry.localName ?? name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(entry.flags ?? 0, 6);
    local.writeUInt16LE(entry.localMethod ?? method, 8);
    local.writeUInt32LE(crc, 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(entry.localSize ?? size, 22);
    local.writeUInt16LE(localName.length, 26);
    const at = entry.shared === true ? 0 : offset;
    const extra = entry.extra ?? Buffer.alloc(0);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE((3 << 8) | 20, 4);
    header.writeUInt16LE(20, 6);
    header.writeUInt16LE(entry.flags ?? 0, 8);
    header.writeUInt16LE(method, 10);
    header.writeUInt32LE(crc, 16);
    header.writeUInt32LE(packed.length, 20);
    header.writeUInt32LE(size, 24);
    header.writeUInt16LE(name.length, 28);
    header.writeUInt16LE(extra.length, 30);
    header.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    header.writeUInt32LE(at, 42);
    central.push(header, name, extra);
    if (entry.shared !== true) {
      parts.push(local, localName, packed);
      offset += local.length + localName.length + packed.length;
    }
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

interface Attempt {
  readonly error: { readonly code?: string; readonly message?: string } | undefined;
  readonly target: string;
  readonly left: readonly string[];
  close(): Promise<void>;
}

async function attempt(zip: Buffer, limits = DEFAULT_ARCHIVE_LIMITS): Promise<Attempt> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-zip-'));
  const target = path.join(folder, 'workspace');
  await mkdir(target);
  await writeFile(path.join(folder, 'a.zip'), zip);
  const error = await unpackArchive(path.join(folder, 'a.zip'), target, { limits }).then(
    () => undefined,
    (reason: unknown) => reason as Attempt['error'],
  );
  const left = await readdir(folder, { recursive: true });
  return { error, target, left: left.sort(), close: () => rm(folder, { recursive: true, force: true }) };
}

const file = (name: string, text = 'x'): ZipEntry => ({ name, data: Buffer.from(text) });

t.test('an honest archive unpacks exactly', async (t) => {
  const done = await attempt(
    buildZip([
      { name: 'src/', mode: 0o040755 },
      { name: 'src/run.sh', data: Buffer.from('#!/bin/sh\n'), mode: 0o104755 },
      { ...file('deep/er/é.txt', 'hällo'), method: 0 },
      { name: 'empty', mode: 0o100644 },
    ]),
  );
  t.teardown(() => done.close());
  t.equal(done.error, undefined);
  t.equal(await readFile(path.join(done.target, 'deep/er/é.txt'), 'utf8'), 'hällo');
  const { mode } = await stat(path.join(done.target, 'src/run.sh'));
  t.equal(mode & 0o111, 0o111, 'the executable bit is kept');
  t.equal(mode & 0o7000, 0, 'set-id bits are not');
  t.equal((await stat(path.join(done.target, 'empty'))).size, 0);
});

const HOSTILE: readonly {
  readonly why: string;
  readonly entries: readonly ZipEntry[];
  readonly message: RegExp;
}[] = [
  { why: 'parent folder', entries: [file('../evil')], message: /leaves its folder/ },
  { why: 'parent folder inside', entries: [file('a/../../evil')], message: /leaves its folder/ },
  { why: 'absolute', entries: [file('/etc/evil')], message: /absolute/ },
  { why: 'drive letter', entries: [file('C:evil')], message: /drive letter/ },
  { why: 'backslash', entries: [file('a\\..\\evil')], message: /backslash/ },
  { why: 'NUL', entries: [file('a\0b')], message: /control characters/ },
  { why: 'terminal codes', entries: [file('a\x1b[2Jb')], message: /control characters/ },
  {
    why: 'not UTF-8',
    entries: [{ name: Buffer.from([0x66, 0xff, 0xfe]), data: Buffer.from('x') }],
    message: /not UTF-8/,
  },
  { why: 'dot part', entries: [file('a/./b')], message: /leaves its folder/ },
  { why: 'empty part', entries: [file('a//b')], message: /leaves its folder/ },
  { why: 'empty name', entries: [file('')], message: /no name/ },
  { why: 'long name', entries: [file('n'.repeat(300))], message: /too long/ },
  { why: 'nested too deep', entries: [file(`${'d/'.repeat(70)}f`)], message: /too deep/ },
  { why: 'symbolic link', entries: [{ ...file('link', '/etc/passwd'), mode: 0o120777 }], message: /links/ },
  {
    why: 'link inside the tree',
    entries: [file('a'), { ...file('link', 'a'), mode: 0o120777 }],
    message: /links/,
  },
  { why: 'device', entries: [{ name: 'dev', mode: 0o020666 }], message: /only files and folders/ },
  { why: 'pipe', entries: [{ name: 'pipe', mode: 0o010666 }], message: /only files and folders/ },
  { why: 'socket', entries: [{ name: 'sock', mode: 0o140666 }], message: /only files and folders/ },
  { why: 'twice the same', entries: [file('a'), file('a')], message: /twice/ },
  { why: 'only case differs', entries: [file('README'), file('readme')], message: /differ only in case/ },
  {
    why: 'only the folder’s case differs',
    entries: [file('Src/a'), file('src/b')],
    message: /differ only in case/,
  },
  {
    why: 'two forms of one letter',
    entries: [file('\u00e9'), file('e\u0301')],
    message: /differ only in case/,
  },
  { why: 'file and folder', entries: [file('a'), file('a/b')], message: /also a folder/ },
  { why: 'encrypted', entries: [{ ...file('a'), flags: 1 }], message: /encrypted/ },
  { why: 'unknown packing', entries: [{ ...file('a'), method: 12 }], message: /unknown way/ },
  {
    why: 'overlap',
    entries: [file('a', 'data'), { ...file('b', 'data'), localName: 'a', shared: true }],
    message: /disagree|overlap/,
  },
  {
    why: 'two names',
    entries: [{ ...file('a'), extra: Buffer.from([0x75, 0x70, 1, 0, 1]) }],
    message: /two names/,
  },
  { why: 'local name differs', entries: [{ ...file('good'), localName: 'evil' }], message: /disagree/ },
  { why: 'local method differs', entries: [{ ...file('a', 'xx'), localMethod: 0 }], message: /disagree/ },
  { why: 'local size differs', entries: [{ ...file('a', 'xx'), localSize: 99 }], message: /disagree/ },
  {
    why: 'folder with content',
    entries: [{ name: 'd/', data: Buffer.from('xyz'), method: 0, mode: 0o040755 }],
    message: /has content/,
  },
  {
    why: 'larger than it says',
    entries: [{ ...file('a', 'x'.repeat(5000)), claimedSize: 10, localSize: 10 }],
    message: /larger|unpacked|damaged/,
  },
  { why: 'wrong checksum', entries: [{ ...file('a', 'xx'), crc: 1 }], message: /checksum|unpacked/ },
];

t.test('hostile archives are refused whole and leave nothing', async (t) => {
  for (const { why, entries, message } of HOSTILE) {
    const done = await attempt(buildZip([file('before'), ...entries, file('after')]));
    t.match(done.error?.code, /^WORKSPACE_(UNSAFE|CORRUPT|TOO_LARGE)$/, why);
    t.match(done.error?.message, message, why);
    t.same(done.left, ['a.zip', 'workspace'], `${why}: nothing half-made`);
    await done.close();
  }
});

t.test('limits hold at the bound and not before', async (t) => {
  const limits = { ...DEFAULT_ARCHIVE_LIMITS, entriesMax: 3, totalBytesMax: 100 };
  const cases = [
    { why: 'as many entries as may be', zip: [file('a'), file('b'), file('c')], want: undefined },
    { why: 'one more', zip: [file('a'), file('b'), file('c'), file('d')], want: 'WORKSPACE_TOO_LARGE' },
    { why: 'as many bytes', zip: [file('a', 'x'.repeat(100))], want: undefined },
    { why: 'one more byte', zip: [file('a', 'x'.repeat(101))], want: 'WORKSPACE_TOO_LARGE' },
  ];
  for (const { why, zip, want } of cases) {
    const done = await attempt(buildZip(zip), limits);
    t.equal(done.error?.code, want, why);
    await done.close();
  }
});

t.test('a bomb is stopped while it is inflated', async (t) => {
  const limits = { ...DEFAULT_ARCHIVE_LIMITS, ratioFreeBytes: 100_000, ratioMax: 50 };
  const done = await attempt(buildZip([file('bomb', 'x'.repeat(4_000_000))]), limits);
  t.match(done.error, { code: 'WORKSPACE_TOO_LARGE', message: /grows too much/ });
  t.same(done.left, ['a.zip', 'workspace']);
  await done.close();
});

t.test('what is no archive is refused', async (t) => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), buildZip([file('a')]).subarray(0, 40)]) {
    const done = await attempt(bytes);
    t.equal(done.error?.code, 'WORKSPACE_CORRUPT');
    t.same(done.left, ['a.zip', 'workspace']);
    await done.close();
  }
});

t.test('an archive cut or flipped anywhere never leaves anything half-made', async (t) => {
  const zip = buildZip([file('a/b.txt', 'some text'), file('c', 'more'.repeat(100))]);
  for (let at = 0; at < zip.length; at += 3) {
    const flipped = Buffer.from(zip);
    flipped[at] = (flipped[at] ?? 0) ^ 0x41;
    for (const bytes of [zip.subarray(0, at), flipped]) {
      const done = await attempt(bytes);
      const whole = done.left.includes(path.join('workspace', 'a', 'b.txt'));
      if (done.error !== undefined) t.same(done.left, ['a.zip', 'workspace'], `at ${at}`);
      else t.ok(whole || done.left.length > 2, `at ${at}: unpacked`);
      await done.close();
    }
  }
});
