/**
 * Aim: whatever a task puts in the place of a folder of its project's storage, the agent touches nothing outside that
 * storage. Method: a link at each place of the chain leads to a folder that nobody may change.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { makeOpenFolders, removeEmptyFolder } from '../../../../agent/storage/open-folder.ts';

const PARTS = ['prj_a', '.nabla', 'checkpoints', 'job_a'];

function open(t: Test) {
  const folder = t.testdir({ storage: {}, host: { kept: { job_a: {} } } });
  const host = join(folder, 'host');
  chmodSync(host, 0o700);
  chmodSync(join(host, 'kept'), 0o750);
  return { base: join(folder, 'storage'), host };
}

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

t.test('every folder of the chain is made and open, whatever the umask', async (t) => {
  const { base } = open(t);
  const before = process.umask(0o077);
  t.teardown(() => process.umask(before));
  makeOpenFolders({ base, parts: PARTS });
  makeOpenFolders({ base, parts: PARTS });
  for (let depth = 1; depth <= PARTS.length; depth += 1) {
    t.equal(modeOf(join(base, ...PARTS.slice(0, depth))), 0o777);
  }
});

for (let depth = 1; depth <= PARTS.length; depth += 1) {
  t.test(`a link in the place of ${PARTS.slice(0, depth).join('/')} leads nowhere`, async (t) => {
    const { base, host } = open(t);
    makeOpenFolders({ base, parts: PARTS });
    const place = join(base, ...PARTS.slice(0, depth));
    rmSync(place, { recursive: true });
    symlinkSync(depth === PARTS.length ? join(host, 'kept') : host, place);
    makeOpenFolders({ base, parts: PARTS });
    removeEmptyFolder({ base, parts: PARTS });
    t.equal(modeOf(host), 0o700, 'its mode is as it was');
    t.equal(modeOf(join(host, 'kept')), 0o750);
    t.strictSame(readdirSync(host), ['kept'], 'nothing was made in it');
    t.ok(existsSync(join(host, 'kept', 'job_a')), 'nor removed');
    t.ok(lstatSync(place).isSymbolicLink(), 'the link itself is the task’s');
  });
}

t.test('a file in the place of a folder stays, and starts go on', async (t) => {
  const { base } = open(t);
  mkdirSync(join(base, 'prj_a'));
  writeFileSync(join(base, 'prj_a', '.nabla'), 'mine');
  makeOpenFolders({ base, parts: PARTS });
  removeEmptyFolder({ base, parts: PARTS });
  t.ok(lstatSync(join(base, 'prj_a', '.nabla')).isFile());
});

t.test('an empty folder goes, a used one and an absent one do no harm', async (t) => {
  const { base } = open(t);
  makeOpenFolders({ base, parts: PARTS });
  writeFileSync(join(base, ...PARTS, 'step-1'), '');
  removeEmptyFolder({ base, parts: PARTS });
  t.ok(existsSync(join(base, ...PARTS)));
  rmSync(join(base, ...PARTS, 'step-1'));
  removeEmptyFolder({ base, parts: PARTS });
  removeEmptyFolder({ base, parts: PARTS });
  t.notOk(existsSync(join(base, ...PARTS)));
});
