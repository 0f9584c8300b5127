/**
 * Aim: a folder is used again only when nothing of the task before could be seen in it. Method: one made folder per
 * row, spoilt in one way, dropped, and the next task's folder looked at.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { carryOutSteps, type FolderStep, type RunFile } from '../../../../agent/storage/folder-steps.ts';
import { openSpareShelf } from '../../../../agent/storage/spare-folders.ts';

const FILES: readonly RunFile[] = [
  { name: 'metrics.jsonl', text: '', keep: true },
  { name: 'hostfile', text: 'a\n', keep: false },
  { name: 'job.json', text: '{}\n', keep: false },
];

function open(t: Test) {
  const folder = t.testdir({ tasks: {}, storage: {}, spares: {}, trash: {} });
  const at = (...parts: readonly string[]): string => join(folder, ...parts);
  let trashed = 0;
  const shelf = openSpareShelf(at('spares'));
  const places = {
    shelf,
    trash: at('trash'),
    onTrash: () => {
      trashed += 1;
    },
  };
  const run = (...steps: readonly FolderStep[]): void => carryOutSteps(steps, places);
  return {
    at,
    make: (name: string, files = FILES) => run({ op: 'make-task', root: at('tasks', name), files }),
    drop: (name: string) => run({ op: 'drop-task', root: at('tasks', name) }),
    openFolder: (name: string, owner = 'prj_a') =>
      run({ op: 'open-folders', base: at('storage'), parts: [owner, name] }),
    removeEmpty: (name: string, owner = 'prj_a') =>
      run({ op: 'remove-empty', base: at('storage'), parts: [owner, name] }),
    trashed: () => trashed,
  };
}

t.test('an unused folder is used again, with the next task’s files', async (t) => {
  const { at, make, drop, trashed } = open(t);
  make('a');
  writeFileSync(at('tasks', 'a', 'driver', 'stdout'), '');
  writeFileSync(at('tasks', 'a', 'run', 'metrics.jsonl'), '{"loss":1}\n');
  const { ino } = lstatSync(at('tasks', 'a'));
  drop('a');
  t.equal(existsSync(at('tasks', 'a')), false);
  make('b', [...FILES.slice(0, 2), { name: 'job.json', text: '{"b":1}\n', keep: false }]);
  t.equal(lstatSync(at('tasks', 'b')).ino, ino);
  t.strictSame(readdirSync(at('tasks', 'b', 'driver')), []);
  t.equal(readFileSync(at('tasks', 'b', 'run', 'metrics.jsonl'), 'utf8'), '');
  t.equal(readFileSync(at('tasks', 'b', 'run', 'job.json'), 'utf8'), '{"b":1}\n');
  t.equal(lstatSync(at('tasks', 'b', 'run', 'job.json')).mode & 0o777, 0o666);
  t.equal(trashed(), 0);
});

const SPOILT: readonly (readonly [what: string, spoil: (root: string) => void])[] = [
  ['an artifact', (root) => writeFileSync(join(root, 'artifacts', 'x'), '')],
  ['a file in the workspace', (root) => writeFileSync(join(root, 'workspace', 'x'), '')],
  ['a file in the run folder', (root) => writeFileSync(join(root, 'run', 'x'), '')],
  ['output', (root) => writeFileSync(join(root, 'driver', 'stdout'), 'said')],
  ['an empty folder of the driver', (root) => mkdirSync(join(root, 'driver', 'tmp'))],
  ['a changed mode', (root) => chmodSync(join(root, 'workspace'), 0o755)],
  ['a second name of a file', (root) => linkSync(join(root, 'run', 'job.json'), `${root}.link`)],
  [
    'a link in the place of a file',
    (root) => {
      unlinkSync(join(root, 'run', 'job.json'));
      symlinkSync('/etc/passwd', join(root, 'run', 'job.json'));
    },
  ],
];

for (const [what, spoil] of SPOILT) {
  t.test(`${what} sends the folder to the trash`, async (t) => {
    const { at, make, drop, trashed } = open(t);
    make('a');
    spoil(at('tasks', 'a'));
    drop('a');
    t.equal(existsSync(at('tasks', 'a')), false);
    t.strictSame(readdirSync(at('spares')), []);
    t.equal(trashed(), 1);
  });
}

t.test('making and dropping may be repeated', async (t) => {
  const { at, make, drop } = open(t);
  make('a');
  writeFileSync(at('tasks', 'a', 'run', 'metrics.jsonl'), 'kept\n');
  make('a');
  t.equal(readFileSync(at('tasks', 'a', 'run', 'metrics.jsonl'), 'utf8'), 'kept\n');
  drop('a');
  drop('a');
  t.strictSame(readdirSync(at('spares')), ['spare-0']);
});

t.test('an empty open folder is used again, beside those of tasks', async (t) => {
  const { at, make, drop, openFolder, removeEmpty } = open(t);
  make('task');
  drop('task');
  openFolder('a');
  const { ino, mode } = lstatSync(at('storage', 'prj_a', 'a'));
  t.equal(mode & 0o7777, 0o777);
  openFolder('a');
  removeEmpty('a');
  t.equal(existsSync(at('storage', 'prj_a', 'a')), false);
  t.strictSame(readdirSync(at('spares')), ['empty-prj_a-0', 'spare-0']);
  removeEmpty('a');
  openFolder('b');
  t.equal(lstatSync(at('storage', 'prj_a', 'b')).ino, ino);
  t.strictSame(readdirSync(at('spares')), ['spare-0']);
});

t.test('an open folder that holds something stays, one with another mode goes', async (t) => {
  const { at, openFolder, removeEmpty } = open(t);
  openFolder('full');
  writeFileSync(at('storage', 'prj_a', 'full', 'checkpoint'), 'x');
  removeEmpty('full');
  t.equal(readFileSync(at('storage', 'prj_a', 'full', 'checkpoint'), 'utf8'), 'x');
  openFolder('closed');
  chmodSync(at('storage', 'prj_a', 'closed'), 0o700);
  removeEmpty('closed');
  t.equal(existsSync(at('storage', 'prj_a', 'closed')), false);
  symlinkSync(at('spares'), at('storage', 'prj_a', 'link'));
  removeEmpty('link');
  t.ok(lstatSync(at('storage', 'prj_a', 'link')).isSymbolicLink());
  t.strictSame(readdirSync(at('spares')), []);
});

t.test(
  'an empty folder never comes to another project, where a task of the first could still write to it',
  async (t) => {
    const { at, openFolder, removeEmpty } = open(t);
    openFolder('a');
    const { ino } = lstatSync(at('storage', 'prj_a', 'a'));
    removeEmpty('a');
    openFolder('b', 'prj_b');
    t.not(lstatSync(at('storage', 'prj_b', 'b')).ino, ino);
    openFolder('c');
    t.equal(lstatSync(at('storage', 'prj_a', 'c')).ino, ino);
  },
);
