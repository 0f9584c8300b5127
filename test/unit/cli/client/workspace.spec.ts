/**
 * Aim: a folder becomes the same archive everywhere, and nothing that could not be unpacked faithfully is sent.
 * Method: real folders in a temporary place, one per case; archives are read back with yauzl.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { fromBuffer } from 'yauzl';
import { packWorkspace } from '../../../../cli/client/workspace-archive.ts';
import { classifyWorkspace, withoutGitPrefix } from '../../../../cli/client/workspace-source.ts';
import { walkWorkspace } from '../../../../cli/client/workspace-tree.ts';
import { isClusterError } from '../../../../proto/errors/cluster-error.ts';

type Tree = Readonly<Record<string, string>>;

function makeTree(t: { teardown(fn: () => void): void }, files: Tree): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nabla-ws-')));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    if (name.endsWith('/')) mkdirSync(join(folder, name), { recursive: true });
    else writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function refusal(
  act: Promise<unknown>,
): Promise<{ code: string; message: string; hint: string; path: string }> {
  try {
    await act;
  } catch (error) {
    if (isClusterError(error)) {
      return {
        code: error.code,
        message: error.message,
        hint: error.hint,
        path: error.details['path'] ?? '',
      };
    }
    throw error;
  }
  return { code: 'NONE', message: '', hint: '', path: '' };
}

const names = async (folder: string, patterns: readonly string[] = []): Promise<readonly string[]> =>
  (await walkWorkspace(folder, patterns)).entries.map((entry) => entry.name);

t.test('ignore files of every folder are honoured, the deepest and last word wins', async (t) => {
  const folder = makeTree(t, {
    'train.py': 'x',
    'data/big.csv': 'x',
    'data/keep.csv': 'x',
    'sub/a.log': 'x',
    'sub/b.log': 'x',
    'sub/c.txt': 'x',
    'out/deep/x': 'x',
    '.git/config': 'x',
    'sub/.git/config': 'x',
    'model.ckpt': 'x',
    'notes.md': 'x',
    '.gitignore': 'data/\n*.log\nout/\n',
    'sub/.gitignore': '!b.log\nc.txt\n',
    '.nablaignore': '*.ckpt\n!data/\n',
  });
  t.same(await names(folder, ['notes.md']), [
    '.gitignore',
    '.nablaignore',
    'data/big.csv',
    'data/keep.csv',
    'sub/.gitignore',
    'sub/b.log',
    'train.py',
  ]);
  t.notOk(
    (await names(folder, ['!.git', '!.git/**'])).some((name) => name.includes('.git/')),
    '.git never goes',
  );
});

t.test('empty folders, links inside the tree and names beyond ASCII survive', async (t) => {
  const folder = makeTree(t, { 'real/a.txt': 'A', 'empty/': '', 'ünï/日本.txt': 'x', ' space ': 'x' });
  symlinkSync('real', join(folder, 'linked'));
  symlinkSync('real/a.txt', join(folder, 'file-link'));
  t.same(await names(folder), [
    ' space ',
    'empty/',
    'file-link',
    'linked/a.txt',
    'real/a.txt',
    'ünï/日本.txt',
  ]);
});

const HOSTILE: readonly {
  readonly name: string;
  readonly make: (folder: string) => void;
  readonly code: string;
  readonly path: string;
}[] = [
  {
    name: 'a link out of the tree',
    make: (at) => symlinkSync('/etc/passwd', join(at, 'out')),
    code: 'WORKSPACE_LINK_OUTSIDE',
    path: 'out',
  },
  {
    name: 'a link to a folder outside',
    make: (at) => symlinkSync('..', join(at, 'up')),
    code: 'WORKSPACE_LINK_OUTSIDE',
    path: 'up',
  },
  {
    name: 'a link to nothing',
    make: (at) => symlinkSync('none', join(at, 'gone')),
    code: 'WORKSPACE_LINK_BROKEN',
    path: 'gone',
  },
  {
    name: 'a link to itself',
    make: (at) => symlinkSync('self', join(at, 'self')),
    code: 'WORKSPACE_LINK_LOOP',
    path: 'self',
  },
  {
    name: 'a link to the folder around it',
    make: (at) => symlinkSync('.', join(at, 'loop')),
    code: 'WORKSPACE_LINK_LOOP',
    path: 'loop',
  },
  {
    name: 'a loop over two folders',
    make(at) {
      mkdirSync(join(at, 'a'));
      mkdirSync(join(at, 'b'));
      symlinkSync('../b', join(at, 'a', 'to-b'));
      symlinkSync('../a', join(at, 'b', 'to-a'));
    },
    code: 'WORKSPACE_LINK_LOOP',
    path: 'a/to-b/to-a',
  },
  {
    name: 'a named pipe',
    make: (at) => execFileSync('mkfifo', [join(at, 'pipe')]),
    code: 'WORKSPACE_SPECIAL_FILE',
    path: 'pipe',
  },
  {
    name: 'a name with an escape',
    make: (at) => writeFileSync(join(at, 'a\u001b[31m'), 'x'),
    code: 'WORKSPACE_NAME_INVALID',
    path: 'a\u001b[31m',
  },
  {
    name: 'a name with a line feed',
    make: (at) => writeFileSync(join(at, 'a\nb'), 'x'),
    code: 'WORKSPACE_NAME_INVALID',
    path: 'a\nb',
  },
  {
    name: 'a name with a backslash',
    make: (at) => writeFileSync(join(at, '..\\x'), 'x'),
    code: 'WORKSPACE_NAME_INVALID',
    path: '..\\x',
  },
  {
    name: 'a name that is not UTF-8',
    make: (at) => writeFileSync(Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xff, 0xfe])]), 'x'),
    code: 'WORKSPACE_NAME_INVALID',
    path: '\u00ff\u00fe',
  },
];

t.test('what cannot be unpacked faithfully is refused by name, unless it is ignored', async (t) => {
  for (const { name, make, code, path } of HOSTILE) {
    const folder = makeTree(t, { 'train.py': 'x' });
    make(folder);
    const refused = await refusal(walkWorkspace(folder, []));
    t.match(refused, { code, path }, name);
    t.match(refused.message, /^[a-z][^.\n]+$/, `${name}: one clause`);
    t.match(refused.hint, /nablaignore/, `${name}: says what to do`);
  }
  const ignored = makeTree(t, { 'train.py': 'x', '.nablaignore': 'out\npipe\nself\n' });
  symlinkSync('/etc/passwd', join(ignored, 'out'));
  symlinkSync('self', join(ignored, 'self'));
  execFileSync('mkfifo', [join(ignored, 'pipe')]);
  t.same(await names(ignored), ['.nablaignore', 'train.py']);
});

t.test('a socket is refused', async (t) => {
  const folder = makeTree(t, { 'train.py': 'x' });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder, 'sock'), resolve));
  t.match(await refusal(walkWorkspace(folder, [])), { code: 'WORKSPACE_SPECIAL_FILE', path: 'sock' });
  await new Promise((resolve) => server.close(resolve));
});

t.test('limits hold at the bound and one beyond', async (t) => {
  const folder = makeTree(t, { a: '12345', b: '12345' });
  const walk = (bytesMax: number, entriesMax: number) => walkWorkspace(folder, [], { bytesMax, entriesMax });
  t.equal((await walk(10, 2)).totalBytes, 10);
  t.match(await refusal(walk(9, 2)), { code: 'WORKSPACE_TOO_LARGE' });
  t.match(await refusal(walk(10, 1)), { code: 'WORKSPACE_TOO_MANY_FILES' });
});

t.test('what --workspace names is told apart, and refused by name', async (t) => {
  const folder = makeTree(t, { 'w.zip': 'x', 'w.txt': 'x' });
  t.match(await classifyWorkspace(folder), { kind: 'folder' });
  t.match(await classifyWorkspace(join(folder, 'w.zip')), { kind: 'zip', sizeBytes: 1 });
  t.match(await refusal(classifyWorkspace(join(folder, 'none'))), { code: 'WORKSPACE_NOT_FOUND' });
  t.match(await refusal(classifyWorkspace(join(folder, 'w.txt'))), { code: 'WORKSPACE_NOT_A_FOLDER' });
  t.match(await refusal(classifyWorkspace('s3://bucket/x.zip')), { code: 'WORKSPACE_URL_UNSUPPORTED' });
  t.equal(withoutGitPrefix('git+https://example.com/r.git'), 'https://example.com/r.git');
});

interface ZipEntry {
  readonly name: string;
  readonly mode: number;
  readonly text: string;
}

function readZip(bytes: Buffer): Promise<readonly ZipEntry[]> {
  return new Promise((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      const entries: ZipEntry[] = [];
      zip.on('entry', (entry) => {
        const mode = entry.externalFileAttributes >>> 16;
        zip.openReadStream(entry, async (failure, stream) => {
          if (failure) return reject(failure);
          const chunks: Buffer[] = [];
          for await (const chunk of stream) chunks.push(chunk as Buffer);
          entries.push({ name: entry.fileName, mode, text: Buffer.concat(chunks).toString() });
          zip.readEntry();
        });
      });
      zip.on('end', () => resolve(entries));
      zip.readEntry();
    });
  });
}

t.test('the archive depends on names, contents and execute bits only', async (t) => {
  const signal = new AbortController().signal;
  const pack = async (folder: string) => {
    const archive = await packWorkspace(await walkWorkspace(folder, []), () => undefined, signal);
    const bytes = readFileSync(archive.path);
    await archive.dispose();
    return { ...archive, bytes };
  };
  const files = { 'b.sh': 'echo b', 'a/x': 'x'.repeat(100_000), 'empty/': '', zero: '' };
  const one = makeTree(t, files);
  chmodSync(join(one, 'b.sh'), 0o755);
  const first = await pack(one);
  t.equal(first.bytes.length, first.sizeBytes);
  const entries = await readZip(first.bytes);
  t.same(
    entries.map(({ name, mode }) => [name, mode.toString(8)]),
    [
      ['a/x', '100644'],
      ['b.sh', '100755'],
      ['empty/', '40755'],
      ['zero', '100644'],
    ],
  );
  t.equal(entries[1]?.text, 'echo b');

  const two = makeTree(t, Object.fromEntries(Object.entries(files).reverse()));
  chmodSync(join(two, 'b.sh'), 0o775);
  utimesSync(join(two, 'zero'), 1, 1);
  const zone = process.env['TZ'];
  process.env['TZ'] = 'Pacific/Kiritimati';
  const second = await pack(two);
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
  t.equal(second.sha256, first.sha256, 'order, times, group bits and time zone make no difference');
  chmodSync(join(two, 'b.sh'), 0o644);
  t.not((await pack(two)).sha256, first.sha256, 'the execute bit does');
});

t.test('names that an agent would refuse are refused before they are sent', async (t) => {
  const cases: readonly { readonly files: Tree; readonly path: RegExp }[] = [
    { files: { 'src/Makefile': 'a', 'src/makefile': 'b' }, path: /src\/Makefile and src\/makefile/ },
    { files: { 'Data/a': 'a', 'data/b': 'b' }, path: /Data and data/ },
    { files: { 'c:notes': 'a' }, path: /c:notes/ },
    { files: { [`${'d/'.repeat(64)}file`]: 'a' }, path: /^d\/d/ },
  ];
  for (const { files, path } of cases) {
    const found = await refusal(walkWorkspace(makeTree(t, files), []));
    t.match(found.code, /^WORKSPACE_(NAME_INVALID|TOO_DEEP)$/);
    t.match(found.path, path);
  }
  const deepest = `${'d/'.repeat(63)}file`;
  t.same(await names(makeTree(t, { [deepest]: 'a' })), [deepest], 'one folder less is taken');
});

t.test('a large file of zeros is stored as it is, so that nobody takes it for a bomb', async (t) => {
  const folder = makeTree(t, { small: '\0'.repeat(1_000_000), large: '\0'.repeat(11 * 1024 * 1024) });
  const tree = await walkWorkspace(folder, []);
  const archive = await packWorkspace(tree, () => undefined, new AbortController().signal);
  t.teardown(() => archive.dispose());
  t.ok(archive.sizeBytes > 11 * 1024 * 1024, 'the large one is not compressed');
  t.ok(archive.sizeBytes < 11 * 1024 * 1024 + 10_000, 'the small one is');
  t.equal((await readZip(readFileSync(archive.path))).length, 2);
});
