/**
 * Aim: what a real driver printed on a real board is read right wherever the tests run. Method: texts captured on an
 * H100 (driver 580.159.04) while a matrix product ran, with numbers of that board made up; values taken by hand.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { repoRoot } from '../../../kit/repo-root.ts';
import { codesOf, READ_AT_MS, readReport } from './read-report.ts';

const read = (file: string): string =>
  readFileSync(join(repoRoot, 'test', 'golden', 'nvidia-smi', file), 'utf8');

void t.test('a board under load: inventory, readings and affinity', (t) => {
  const report = readReport({
    xml: read('h100-580-under-load.xml'),
    list: read('h100-580-list.txt'),
    topology: read('h100-580-topology.txt'),
  });
  t.equal(report.driverVersion, '580.159.04');
  t.same(codesOf(report), []);
  t.equal(report.completeness, 'whole');
  t.match(report.gpus, [
    {
      uuid: 'GPU-0c0ffee0-1111-2222-3333-444455556666',
      model: 'NVIDIA H100 80GB HBM3',
      memoryBytes: 81_559 * 2 ** 20,
      pciBusId: '00000000:00:06.0',
      migMode: false,
      mig: [],
    },
  ]);
  t.same(report.gpus[0]?.telemetry, {
    utilizationPercent: 95,
    memoryUsedBytes: 1_011 * 2 ** 20,
    temperatureCelsius: 57,
    powerWatts: 707.02,
    powerLimitWatts: 700,
    eccUncorrectable: 0,
    sampledAtMs: READ_AT_MS,
  });
  t.same(report.topology, [], 'one board has no links');
  t.end();
});
