/**
 * Aim: shapes that no capture has are read rightly too: lost GPUs, documents that break off anywhere, silence in
 * every field, other orders, big hosts, split MIG instances, hostile process names, random damage. Method:
 * documents printed by the fake nvidia-smi for every driver branch, read by the pure part of the collector.
 */
import fc from 'fast-check';
import t from 'tap';
import { parseGpuList } from '../../../../agent/probe/gpu-list.ts';
import { parseQueryCsv } from '../../../../agent/probe/query-csv.ts';
import { parseTopologyMatrix } from '../../../../agent/probe/topology-matrix.ts';
import {
  aFakeGpu,
  aSmiScenario,
  aSplitMigGpu,
  type FakeSmiScenario,
  loadFakeSmiRenderer,
  withGpu,
} from '../../../kit/fake-nvidia-smi/scenario.ts';
import { codesOf, readReport } from './read-report.ts';

const MIB = 2 ** 20;
const fake = await loadFakeSmiRenderer();
const readAll = (scenario: FakeSmiScenario) =>
  readReport({
    xml: fake.renderXml(scenario),
    list: fake.renderList(scenario),
    topology: fake.renderTopology(scenario),
  });

/** One driver of each row of the table of branches. */
const DRIVERS = [
  '390.157',
  '430.64',
  '470.256',
  '516.94',
  '525.147',
  '535.183',
  '555.58',
  '570.148',
  '580.65.06',
  '595.58',
];

t.test('every driver branch gives the same facts', async (t) => {
  for (const driverVersion of DRIVERS) {
    const report = readAll(withGpu(aSmiScenario(2, { driverVersion }), 1, { dramUncorrectable: 3 }));
    t.equal(report.driverVersion, driverVersion);
    t.match(report.gpus[0], {
      uuid: aFakeGpu(0).uuid,
      model: 'NVIDIA Imaginary 80GB',
      memoryBytes: 81920 * MIB,
      pciBusId: '00000000:10:00.0',
      migMode: false,
      schedulable: true,
    });
    t.match(
      report.gpus[0]?.telemetry,
      {
        utilizationPercent: 10,
        memoryUsedBytes: 1024 * MIB,
        temperatureCelsius: 40,
        powerWatts: 100.5,
        powerLimitWatts: 700,
        eccUncorrectable: 0,
      },
      `${driverVersion}: readings`,
    );
    t.equal(
      report.gpus[1]?.telemetry.eccUncorrectable,
      3,
      `${driverVersion}: ECC in the form of that branch`,
    );
    t.same(codesOf(report), ['ECC_UNCORRECTABLE_DRAM'], `${driverVersion}: conditions`);
  }
});

t.test('a lost GPU keeps its identity, has no readings and gets no work', async (t) => {
  for (const driverVersion of DRIVERS) {
    const report = readAll(withGpu(aSmiScenario(4, { driverVersion }), 2, { fault: 'lost' }));
    const lost = report.gpus[2];
    t.equal(report.gpus.length, 4);
    t.equal(lost?.uuid, aFakeGpu(2).uuid);
    t.same(
      Object.keys(lost?.telemetry ?? {}),
      ['sampledAtMs'],
      'plausible zeros of a lost GPU are not believed',
    );
    t.equal(lost?.schedulable, false);
    t.same(codesOf(report, aFakeGpu(2).uuid), ['GPU_LOST']);
    t.ok(report.gpus.filter((gpu) => gpu.index !== 2).every((gpu) => gpu.schedulable));
  }
});

t.test('a document that breaks off yields every complete GPU and says so', async (t) => {
  const xml = fake.renderXml(aSmiScenario(3));
  const ends = [...xml.matchAll(/<\/gpu>/g)].map((match) => match.index + '</gpu>'.length);
  const closed = xml.indexOf('</nvidia_smi_log>') + '</nvidia_smi_log>'.length;
  for (let bytes = 0; bytes < closed; bytes += bytes % 97 === 0 ? 1 : 13) {
    const report = readReport({ xml: xml.slice(0, bytes) });
    const complete = ends.filter((end) => end <= bytes).length;
    if (report.gpus.length !== complete || !codesOf(report).includes('PROBE_OUTPUT_TRUNCATED')) {
      t.fail(`cut at ${bytes}: ${report.gpus.length} of ${complete} GPUs, ${codesOf(report).join(' ')}`);
    }
    if (complete > 0 && complete < 3 && !codesOf(report).includes('GPU_COUNT_MISMATCH'))
      t.fail(`cut at ${bytes}: no shortfall`);
    if (report.completeness !== 'partial') t.fail(`cut at ${bytes}: ${report.completeness}`);
  }
  t.same(
    codesOf(readReport({ xml: xml.slice(0, closed) })),
    [],
    'the whole document has nothing to complain about',
  );
});

t.test('fields that are N/A are absent, never zero', async (t) => {
  const report = readAll(withGpu(aSmiScenario(2), 0, { fault: 'silent' }));
  const gpu = report.gpus.find((candidate) => candidate.uuid === aFakeGpu(0).uuid);
  t.same(Object.keys(gpu?.telemetry ?? {}), ['sampledAtMs']);
  t.same(codesOf(report, aFakeGpu(0).uuid), ['FIELD_UNAVAILABLE'], 'one condition, not one per field');
  t.match(report.conditions[0]?.message, /model, memoryBytes, utilizationPercent/);
  const nameless = readAll(withGpu(aSmiScenario(2), 0, { fault: 'nameless' }));
  t.equal(nameless.gpus.length, 2, 'one row per element, also without a name');
  t.match(nameless.gpus[0], { uuid: 'PCI-00000000:10:00.0', schedulable: false });
  t.same(codesOf(nameless), ['FIELD_UNAVAILABLE', 'GPU_UNIDENTIFIED']);
});

t.test('a GPU whose readings fail gets no work', async (t) => {
  const report = readAll(withGpu(aSmiScenario(1), 0, { fault: 'failing' }));
  t.match(report.gpus[0], { schedulable: false });
  t.same(codesOf(report), ['FIELD_UNAVAILABLE', 'GPU_UNREADABLE']);
});

t.test('index is the PCI order whatever the order of the document', async (t) => {
  const scenario = aSmiScenario(4, { documentOrder: [2, 0, 3, 1], links: { '0-1': 'NV4' } });
  const report = readAll(scenario);
  t.same(
    report.gpus.map((gpu) => gpu.uuid),
    scenario.gpus.map((gpu) => gpu.uuid),
  );
  t.same(
    report.gpus.map((gpu) => gpu.index),
    [0, 1, 2, 3],
  );
  t.equal(report.topology?.find((link) => link.rank === 'NV4')?.gpuUuidB, scenario.gpus[1]?.uuid);
  const twins = aSmiScenario(2, { gpus: [aFakeGpu(1), aFakeGpu(0, { pciBusId: aFakeGpu(1).pciBusId })] });
  t.same(
    readAll(twins).gpus.map((gpu) => gpu.uuid),
    twins.gpus.map((gpu) => gpu.uuid),
    'without an order the document decides',
  );
});

t.test('sixteen GPUs with network cards are all there with all their links', async (t) => {
  const report = readAll(aSmiScenario(16, { link: 'NV18', nics: 10 }));
  t.equal(report.gpus.length, 16);
  t.equal(report.topology?.length, (16 * 15) / 2);
  t.ok(report.topology?.every((link) => link.rank === 'NV18'));
  t.equal(new Set(report.gpus.map((gpu) => gpu.uuid)).size, 16);
});

t.test('two compute instances of one GPU instance are two slices', async (t) => {
  const scenario = aSmiScenario(2, { gpus: [aFakeGpu(0), aSplitMigGpu(1)] });
  const gpu = readAll(scenario).gpus[1];
  t.equal(gpu?.migMode, true);
  t.same(
    gpu?.mig.map((slice) => [slice.profile, slice.memoryBytes / MIB, slice.uuid.slice(0, 12)]),
    [
      ['1c.3g.71gb', 72_000, 'MIG-00000000'],
      ['2c.3g.71gb', 72_000, 'MIG-00000001'],
      ['1g.18gb', 18_000, 'MIG-00000002'],
    ],
  );
  t.equal(gpu?.telemetry.utilizationPercent, undefined, 'a split GPU has no utilisation of its own');
  t.equal(gpu?.schedulable, true);
});

t.test('slices without names keep their GPU from being handed out', async (t) => {
  const scenario = aSmiScenario(1, { gpus: [aSplitMigGpu(0)] });
  const report = readReport({ xml: fake.renderXml(scenario) });
  t.match(report.gpus[0]?.mig, [{ uuid: '', profile: '', memoryBytes: 72_000 * MIB }, {}, {}]);
  t.equal(report.gpus[0]?.schedulable, false);
  t.ok(codesOf(report).includes('MIG_SLICE_UNIDENTIFIED'));
});

t.test('names of processes can neither hide a GPU nor condemn it', async (t) => {
  const processes = [
    'GPU is lost',
    '<gpu id="x">',
    '</gpu>',
    '<gpu id="00000000:FF:00.0"><uuid>GPU-forged</uuid></gpu>',
    '&lt;',
  ];
  const report = readAll(withGpu(aSmiScenario(3), 1, { processes }));
  t.same(
    report.gpus.map((gpu) => gpu.uuid),
    aSmiScenario(3).gpus.map((gpu) => gpu.uuid),
  );
  t.same(codesOf(report), []);
});

t.test('a shortfall against the driver’s count and a UUID told twice are conditions', async (t) => {
  t.same(codesOf(readAll(aSmiScenario(3, { attachedGpus: 4 }))), ['GPU_COUNT_MISMATCH']);
  const twins = readAll(withGpu(aSmiScenario(2), 1, { uuid: aFakeGpu(0).uuid }));
  t.same(codesOf(twins), ['GPU_UUID_DUPLICATE']);
  t.same(
    twins.gpus.map((gpu) => gpu.schedulable),
    [true, false],
  );
});

t.test('CSV gives the same readings, with a lost GPU and a comma in the name', async (t) => {
  const scenario = withGpu(aSmiScenario(3, { driverVersion: '550.54' }), 1, { fault: 'lost' });
  const fields = [
    'index',
    'uuid',
    'pci.bus_id',
    'driver_version',
    'count',
    'memory.total',
    'memory.used',
    'utilization.gpu',
    'temperature.gpu',
    'power.draw',
    'power.limit',
    'ecc.errors.uncorrected.volatile.total',
    'name',
  ];
  const named = withGpu(scenario, 2, { model: 'Board, with comma, PCIe', ecc: 'N/A' });
  const report = readReport({ csv: fake.renderCsv(named, fields).text });
  t.match(report.gpus[0]?.telemetry, {
    utilizationPercent: 10,
    memoryUsedBytes: 1024 * MIB,
    powerWatts: 100.5,
    eccUncorrectable: 0,
  });
  t.match(
    report.gpus.find((gpu) => gpu.uuid === aFakeGpu(1).uuid),
    { schedulable: false },
  );
  t.equal(report.gpus.find((gpu) => gpu.uuid === aFakeGpu(2).uuid)?.model, 'Board, with comma, PCIe');
  t.same(codesOf(report), ['FIELD_UNAVAILABLE', 'GPU_LOST']);
});

t.test('damage of any kind ends in a report, never in an exception', async (t) => {
  const xml = fake.renderXml(aSmiScenario(2, { gpus: [aFakeGpu(0, { clockRows: 2 }), aSplitMigGpu(1)] }));
  const list = fake.renderList(aSmiScenario(2, { gpus: [aFakeGpu(0), aSplitMigGpu(1)] }));
  const topology = fake.renderTopology(aSmiScenario(2));
  const cut = fc.record({
    at: fc.nat(),
    length: fc.nat(40),
    insert: fc.constantFrom(
      '',
      '<',
      '>',
      '</gpu>',
      '<gpu id="">',
      '&#x0;',
      '\u0000',
      '<!--',
      '<![CDATA[',
      '<__proto__>',
      '<constructor/>',
      'N/A',
      '9'.repeat(30),
      '-1',
      ']]>',
      '<?x',
      '\uD800',
    ),
  });
  const damage = (text: string, cuts: readonly { at: number; length: number; insert: string }[]): string =>
    cuts.reduce(
      (rest, { at, length, insert }) =>
        rest.slice(0, at % (rest.length + 1)) + insert + rest.slice((at % (rest.length + 1)) + length),
      text,
    );
  fc.assert(
    fc.property(fc.array(cut, { minLength: 1, maxLength: 6 }), (cuts) => {
      const report = readReport({
        xml: damage(xml, cuts),
        list: damage(list, cuts),
        topology: damage(topology, cuts),
      });
      for (const gpu of report.gpus) {
        const numbers = Object.values(gpu.telemetry);
        if (numbers.some((value) => !Number.isFinite(value))) throw new Error('a reading is no number');
        if (gpu.uuid === '' || gpu.memoryBytes < 0)
          throw new Error('a GPU without name or with negative memory');
      }
    }),
    { numRuns: 200, seed: 20_26 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      readReport({ xml: text, list: text, topology: text });
      readReport({ xml: `<nvidia_smi_log><gpu id="x">${text}</gpu></nvidia_smi_log>` });
      parseQueryCsv(text);
      parseGpuList(text);
      parseTopologyMatrix(text);
    }),
    { numRuns: 200, seed: 20_26 },
  );
  t.pass('400 damaged texts were read');
});
