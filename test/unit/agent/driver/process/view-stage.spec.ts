/**
 * Aim: the script that builds the stage says exactly what was asked, and only mounts that a stage does not learn of by
 * itself make a new one. Method: paths with shell metacharacters are rendered; tables of mounts are compared.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { promisify } from 'node:util';
import t from 'tap';
import {
  createStage,
  renderStageScript,
  STAGE_FAILED,
  type StagePlan,
  toPrivateMounts,
} from '../../../../../agent/driver/process/view-stage.ts';
import { createClock } from '../../../../../proto/runtime/clock.ts';

const PLAN: StagePlan = {
  programs: { unshare: '/b/unshare', mount: '/b/mount', umount: '/b/umount', mkdir: '/b/mkdir', ln: '/b/ln' },
  shown: ['/usr', '/a b'],
  points: ['/workspace'],
  links: [{ path: '/bin', target: 'usr/bin' }],
  hidden: ["/var/it's"],
  used: ['/sys/fs/cgroup/memory/x'],
  trial: ['/b/bwrap', '--', 'true'],
};

t.test('what was asked is mounted, and every word is one word', async (tt) => {
  const lines = renderStageScript(PLAN).split('\n');
  const has = (line: string): boolean => tt.ok(lines.includes(line), line);
  has("'/b/mkdir' -p '/proc/fs/usr' '/proc/fs/a b' '/proc/fs/workspace'");
  has("'/b/ln' -s 'usr/bin' '/proc/fs/bin'");
  has("'/b/mount' -n --rbind '/a b' '/proc/fs/a b'");
  has("'/b/mount' -n -t tmpfs -o mode=0755,nosuid,nodev nabla '/proc/fs/var/it'\\''s'");
});

t.test('nothing is hidden at a place that a link leads elsewhere, and the trial comes last', async (tt) => {
  const text = renderStageScript(PLAN);
  const at = (what: string): number => text.indexOf(what);
  tt.ok(at('$(pwd -P)') > 0 && at('$(pwd -P)') < at("nabla '/proc/fs/var"), 'looked at before');
  tt.ok(at("'/b/bwrap' '--' 'true'") > at("nabla '/proc/fs/var"), 'the trial sees everything');
  tt.match(text, /^why=\$\(\nset -e\n/, 'one step that fails is enough');
});

t.test('a stage that cannot be built says why, on one line', async (tt) => {
  const mount = "printf 'no * such\\n device\\n' >&2; exit 32";
  const folder = tt.testdir({ mount: `#!/bin/sh\n${mount}\n` });
  await chmod(`${folder}/mount`, 0o755);
  const text = renderStageScript({ ...PLAN, programs: { ...PLAN.programs, mount: `${folder}/mount` } });
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', text.replace('exec /bin/sh', 'exit 0')]);
  tt.equal(stdout, `${STAGE_FAILED} no * such device\n`);
});

t.test('shared mounts tell the stage of changes themselves', async (tt) => {
  const shared = '31 1 8:1 / /mnt rw shared:2 - ext4 /dev/a rw\n';
  const own = '32 1 8:2 / /data rw - ext4 /dev/b rw\n';
  tt.equal(toPrivateMounts(shared + own), toPrivateMounts(own));
  tt.not(toPrivateMounts(own), toPrivateMounts(''));
});

t.test('a folder that took the place of a hidden one makes a new stage', async (tt) => {
  const folder = tt.testdir({ hidden: {} });
  let nowMs = 0;
  const clock = { ...createClock(), monotonicMs: () => nowMs };
  const stage = createStage({ ...PLAN, hidden: [`${folder}/hidden`] }, clock);
  stage.noteBuilt();
  nowMs += 1000;
  tt.notOk(await stage.isStale(), 'nothing happened');
  await rename(`${folder}/hidden`, `${folder}/moved`);
  await mkdir(`${folder}/hidden`);
  nowMs += 1000;
  tt.ok(await stage.isStale(), 'what hid the first does not hide the second');
});
