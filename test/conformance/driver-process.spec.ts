/**
 * Aim: the process driver keeps the driver contract in every shape that a host allows. Method: the exported suite
 * runs with everything that this host has, then without mount view, then without control groups too, then by ps.
 */
import t from 'tap';
import { openProcessDriver } from '../../agent/driver/process/process-driver.ts';
import { driverContract } from './driver-contract.ts';
import { type DriverSuite, testClock, testLog, toShell } from './driver-setup.ts';

function suite(
  name: string,
  mountView: 'auto' | 'none',
  limits: 'auto' | 'none',
  processTable: 'proc' | 'ps' = 'proc',
): DriverSuite {
  return {
    name,
    image: '',
    real: true,
    losesDaemons: processTable === 'ps',
    toCommand: toShell,
    open: ({ folder, hostId }) =>
      openProcessDriver({
        hostId,
        stateFolder: folder,
        hiddenFolders: [],
        clock: testClock,
        log: testLog,
        mountView,
        limits,
        processTable,
      }),
  };
}

// Some two hundred real processes, on a machine that may be busy with other things.

t.test('process driver with all that the host has', (tt) =>
  driverContract(tt, suite('process', 'auto', 'auto')),
);
t.test('process driver without a mount view', (tt) =>
  driverContract(tt, suite('process, plain view', 'none', 'auto')),
);
t.test('process driver without control groups', (tt) =>
  driverContract(tt, suite('process, no limits', 'none', 'none')),
);
t.test('process driver without /proc, as on macOS', (tt) =>
  driverContract(tt, suite('process, by ps', 'none', 'none', 'ps')),
);
