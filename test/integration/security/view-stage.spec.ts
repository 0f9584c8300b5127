/**
 * Aim: on hosts that are containers themselves, where devices and masks are mounts of their own, the stage takes none of
 * them from tasks. Method: the stage is built in a mount namespace made like that, and commands run in views of it.
 */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { type MountView, probeMountView } from '../../../agent/driver/process/mount-view.ts';
import { findProgram } from '../../../agent/driver/process/process-host.ts';
import { quote } from '../../../agent/driver/process/start-script.ts';
import { createStage, STAGE_READY } from '../../../agent/driver/process/view-stage.ts';
import { testClock } from '../../conformance/driver-setup.ts';
import { skipUnless } from '../../kit/skips.ts';

const MASKED = '/sys/devices/virtual/net';
/** What rootless engines make of /dev, and what engines mask of /sys. */
const CONTAINER_SCRIPT = `set -e
mount --make-rprivate /
mount --bind /dev "$1"
mount -t tmpfs dev /dev
for one in null zero full random urandom tty; do
: >/dev/$one
mount --bind "$1/$one" /dev/$one
done
mount -t tmpfs -o ro mask ${MASKED}
shift
exec "$@"`;

async function openView(folder: string): Promise<MountView | undefined> {
  const names = ['unshare', 'mount', 'umount', 'mkdir', 'ln', 'bwrap'];
  const [unshare = '', mount = '', umount = '', mkdirPath = '', ln = '', bwrap] = await Promise.all(
    names.map(findProgram),
  );
  const programs = { unshare, mount, umount, mkdir: mkdirPath, ln };
  return (await probeMountView([folder], bwrap, [], { programs, used: [] })).view;
}

t.test('devices and masks that are mounts', async (tt) => {
  const folder = tt.testdir({ tmp: {}, dev: {}, hidden: {} });
  const view = await openView(`${folder}/hidden`);
  if (skipUnless(tt, view?.stage !== undefined, 'only root makes a stage, with bubblewrap')) return;
  const { stage: plan, argv } = view as MountView;
  if (plan === undefined) return;
  const command = `echo x >/dev/null; test -c /dev/null && echo device; ls -A ${MASKED} | wc -l`;
  const lines = [false, true].map((withGpus) => {
    const words = argv({ mounts: [], tmpFolder: `${folder}/tmp`, folder: '/', withGpus }, true);
    return `${[...words, '/bin/sh', '-c', command].map(quote).join(' ')} 2>&1`;
  });
  const { stdout } = spawnSync(
    plan.programs.unshare,
    [
      '--mount',
      '/bin/sh',
      '-c',
      CONTAINER_SCRIPT,
      'nabla',
      `${folder}/dev`,
      ...createStage(plan, testClock).argv,
    ],
    { input: `${lines.join('\n')}\n`, encoding: 'utf8', timeout: 30_000 },
  );
  tt.same(stdout.trim().split('\n'), [STAGE_READY, 'device', '0', 'device', '0']);
});
