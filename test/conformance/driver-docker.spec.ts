/**
 * Aim: the Docker driver keeps the driver contract on a real engine. Method: the exported suite on an image made of
 * busybox; every container it makes bears a host id of its own and is removed.
 */
import t from 'tap';
import { openDockerDriver } from '../../agent/driver/docker/docker-driver.ts';
import { engineSocketPath, requireDocker } from '../kit/docker/index.ts';
import { driverContract } from './driver-contract.ts';
import { testClock, testLog, toShell } from './driver-setup.ts';

// Some hundred containers, half a second each, on a machine that may be busy with other things.

t.test('docker driver', async (tt) => {
  const images = await requireDocker(tt, { needs: ['busybox'] });
  if (images === undefined) return;
  await driverContract(tt, {
    name: 'docker',
    image: images.busybox,
    real: true,
    endsWithNewline: true,
    toCommand: toShell,
    open: ({ hostId }) =>
      openDockerDriver({ hostId, socketPath: engineSocketPath(), clock: testClock, log: testLog }),
  });
});
