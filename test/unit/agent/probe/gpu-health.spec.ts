/**
 * Aim: each signal of ill health becomes its condition and stops new work where fleets say it should. Method: one
 * GPU with one signal per row.
 */
import t from 'tap';
import { CONDITION_SEVERITIES, quoteForeign, stopsNewWork } from '../../../../agent/probe/probe-condition.ts';
import {
  aSmiScenario,
  type FakeGpu,
  loadFakeSmiRenderer,
  withGpu,
} from '../../../kit/fake-nvidia-smi/scenario.ts';
import { codesOf, readReport } from './read-report.ts';

const fake = await loadFakeSmiRenderer();

interface Row {
  readonly name: string;
  readonly given: Partial<FakeGpu>;
  readonly driver?: string;
  readonly wantCode: string | undefined;
  readonly wantSchedulable: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: 'a failed row remap',
    given: { remapFailure: true },
    wantCode: 'ROW_REMAP_FAILED',
    wantSchedulable: false,
  },
  {
    name: 'a pending row remap',
    given: { remapPending: true },
    wantCode: 'ROW_REMAP_PENDING',
    wantSchedulable: false,
  },
  {
    name: 'banks without spare rows',
    given: { banksWithoutSpares: 2 },
    wantCode: 'SPARE_ROWS_EXHAUSTED',
    wantSchedulable: false,
  },
  {
    name: 'a board without remapper',
    given: { noRemapper: true },
    wantCode: undefined,
    wantSchedulable: true,
  },
  {
    name: 'a page to retire',
    given: { retirementPending: true },
    wantCode: 'PAGE_RETIREMENT_PENDING',
    wantSchedulable: false,
  },
  {
    name: 'an SRAM error',
    given: { sramUncorrectable: 1 },
    wantCode: 'ECC_UNCORRECTABLE',
    wantSchedulable: false,
  },
  {
    name: 'an SRAM error before the split of counters',
    given: { sramUncorrectable: 1 },
    driver: '535.183',
    wantCode: 'ECC_UNCORRECTABLE',
    wantSchedulable: false,
  },
  {
    name: 'a contained memory error',
    given: { dramUncorrectable: 1 },
    wantCode: 'ECC_UNCORRECTABLE_DRAM',
    wantSchedulable: true,
  },
  {
    name: 'a double-bit error of an old board',
    given: { dramUncorrectable: 1, oldEcc: true },
    wantCode: 'ECC_UNCORRECTABLE_DRAM',
    wantSchedulable: true,
  },
  {
    name: 'too many SRAM errors over its life',
    given: { sramThresholdExceeded: true },
    wantCode: 'SRAM_THRESHOLD_EXCEEDED',
    wantSchedulable: false,
  },
  {
    name: 'a pending repair',
    given: { repairPending: true },
    wantCode: 'REPAIR_PENDING',
    wantSchedulable: false,
  },
  {
    name: 'a recovery action',
    given: { recoveryAction: 'GPU Reset' },
    wantCode: 'RECOVERY_ACTION',
    wantSchedulable: false,
  },
  {
    name: 'no recovery action',
    given: { recoveryAction: 'N/A' },
    wantCode: undefined,
    wantSchedulable: true,
  },
  {
    name: 'a required reset',
    given: { resetRequired: true },
    driver: '545.29',
    wantCode: 'RECOVERY_ACTION',
    wantSchedulable: false,
  },
  {
    name: 'a recommended reset',
    given: { resetRecommended: true },
    driver: '545.29',
    wantCode: 'RESET_RECOMMENDED',
    wantSchedulable: false,
  },
  {
    name: 'deprecated reset fields',
    given: { resetRequired: true },
    driver: '575.57',
    wantCode: undefined,
    wantSchedulable: true,
  },
  {
    name: 'hardware thermal slowdown',
    given: { clockReasons: ['hw_slowdown', 'hw_thermal_slowdown'] },
    wantCode: 'HW_THERMAL_SLOWDOWN',
    wantSchedulable: true,
  },
  {
    name: 'the same by its old name',
    given: { clockReasons: ['hw_thermal_slowdown'] },
    driver: '470.1',
    wantCode: 'HW_THERMAL_SLOWDOWN',
    wantSchedulable: true,
  },
  {
    name: 'a power brake',
    given: { clockReasons: ['hw_power_brake_slowdown'] },
    wantCode: 'HW_POWER_BRAKE',
    wantSchedulable: true,
  },
  {
    name: 'a slowdown without a cause',
    given: { clockReasons: ['hw_slowdown'] },
    wantCode: 'HW_SLOWDOWN',
    wantSchedulable: true,
  },
  {
    name: 'idle clocks and a power cap',
    given: { clockReasons: ['gpu_idle', 'sw_power_cap'] },
    wantCode: undefined,
    wantSchedulable: true,
  },
  { name: 'heat, absolute', given: { temperature: 94 }, wantCode: 'TEMPERATURE_HIGH', wantSchedulable: true },
  { name: 'heat, as headroom', given: { headroom: -3 }, wantCode: 'TEMPERATURE_HIGH', wantSchedulable: true },
  { name: 'warmth, as headroom', given: { headroom: 5 }, wantCode: undefined, wantSchedulable: true },
  {
    name: 'error correction off',
    given: { ecc: 'Disabled' },
    wantCode: 'ECC_DISABLED',
    wantSchedulable: true,
  },
  {
    name: 'persistence mode off',
    given: { persistence: false },
    wantCode: 'PERSISTENCE_MODE_OFF',
    wantSchedulable: true,
  },
  {
    name: 'a fabric on its way',
    given: { fabric: 'In Progress' },
    wantCode: 'FABRIC_NOT_READY',
    wantSchedulable: true,
  },
  { name: 'a ready fabric', given: { fabric: 'Completed' }, wantCode: undefined, wantSchedulable: true },
];

for (const { name, given, driver, wantCode, wantSchedulable } of ROWS) {
  t.test(`${name} means ${wantCode ?? 'nothing'}`, async (t) => {
    const scenario = withGpu(
      aSmiScenario(1, driver === undefined ? {} : { driverVersion: driver }),
      0,
      given,
    );
    const report = readReport({ xml: fake.renderXml(scenario) });
    t.same(codesOf(report), wantCode === undefined ? [] : [wantCode]);
    t.equal(report.gpus[0]?.schedulable, wantSchedulable);
  });
}

t.test('the table of codes decides what stops new work, and knows its own words only', async (t) => {
  t.ok(stopsNewWork('GPU_LOST'));
  t.ok(stopsNewWork('ROW_REMAP_PENDING'));
  t.notOk(stopsNewWork('PROBE_TIMEOUT'));
  t.notOk(stopsNewWork('toString'));
  for (const code of Object.keys(CONDITION_SEVERITIES)) t.match(code, /^[A-Z][A-Z_]+$/);
});

t.test('foreign words are quoted on one line and cut', async (t) => {
  t.equal(quoteForeign('  a\n\u001b[31mb\t c '), 'a [31mb c');
  t.equal(quoteForeign('x'.repeat(500)).length, 301);
});
