/**
 * Aim: every capture of a real driver is read into the right inventory and readings. Method: a table of values
 * taken by hand from each file, compared whole; a file without a row fails, so that none is forgotten.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseGpuList } from '../../../../agent/probe/gpu-list.ts';
import { failureFindings } from '../../../../agent/probe/nvidia-smi-error.ts';
import { hasSmiDocument } from '../../../../agent/probe/smi-document.ts';
import { parseTopologyMatrix } from '../../../../agent/probe/topology-matrix.ts';
import { repoRoot } from '../../../kit/repo-root.ts';
import { codesOf, READ_AT_MS, readReport } from './read-report.ts';

const DATA = join(process.env['NABLA_SHARED_DATA'] ?? join(repoRoot, '..', 'shared', 'data'), 'nvidia-smi');
const MIB = 2 ** 20;

interface WantedGpu {
  readonly uuid: string;
  readonly model: string;
  readonly memoryMiB: number;
  readonly bus: string;
  /** Percent, MiB used, Celsius, watts, limit in watts, ECC errors; undefined where the driver says N/A. */
  readonly readings: readonly (number | undefined)[];
  readonly migMiB?: readonly number[];
}

interface WantedFile {
  readonly driver: string;
  readonly gpus: readonly WantedGpu[];
  readonly codes: readonly string[];
}

const A100_40 = { model: 'NVIDIA A100-SXM4-40GB', memoryMiB: 40960 };
const H100 = { model: 'NVIDIA H100 80GB HBM3', memoryMiB: 81559 };
const GB200 = { model: 'NVIDIA GB200', memoryMiB: 196608 };
const RTX_2080_TI = { model: 'GeForce RTX 2080 Ti', memoryMiB: 10989 };

/** Celsius and watts of the eight boards, in order. */
const H100_READINGS: readonly (readonly [string, number, number])[] = [
  ['53', 29, 68.92],
  ['64', 30, 67.16],
  ['75', 29, 67.74],
  ['86', 32, 71.77],
  ['97', 32, 66.34],
  ['a8', 29, 68.25],
  ['b9', 31, 70.01],
  ['ca', 29, 68.18],
];

const XML_FILES: Readonly<Record<string, WantedFile>> = {
  'k8sti-mockNVML__2x-a100-healthy__550.163.01__v13.xml': {
    driver: '550.163.01',
    gpus: [
      {
        ...A100_40,
        uuid: 'GPU-12345678-1234-1234-1234-123456780000',
        bus: '00000000:07:00.0',
        readings: [50, 0, 63, 259.17, 400, 0],
      },
      {
        ...A100_40,
        uuid: 'GPU-12345678-1234-1234-1234-123456780001',
        bus: '00000000:0f:00.0',
        readings: [50, 0, 63, 259.17, 400, 0],
      },
    ],
    codes: [],
  },
  'k8sti-mockNVML__2x-gb200-healthy__580.65.06__v13.xml': {
    driver: '580.65.06',
    gpus: [
      {
        ...GB200,
        uuid: 'GPU-b200b200-0000-0000-0000-000000000000',
        bus: '00000000:0a:00.0',
        readings: [50, 0, 63, 565.11, 1000, 0],
      },
      {
        ...GB200,
        uuid: 'GPU-b200b200-0000-0000-0000-000000000001',
        bus: '00000000:0b:00.0',
        readings: [50, 0, 63, 565.11, 1000, 0],
      },
    ],
    codes: [],
  },
  'k8sti__1x-a100-sxm4-40gb__570.148.08__v12.xml': {
    driver: '570.148.08',
    gpus: [
      {
        ...A100_40,
        uuid: 'GPU-00000000-0000-0000-0000-000000000000',
        bus: '00000000:06:00.0',
        readings: [0, 0, 33, 49.68, 400, 0],
      },
    ],
    codes: [],
  },
  'k8sti__1x-t4__595.91.07__v13.xml': {
    driver: '595.91.07',
    gpus: [
      {
        uuid: 'GPU-00000000-0000-0000-0000-000000000000',
        model: 'Tesla T4',
        memoryMiB: 15360,
        bus: '00000000:00:1e.0',
        readings: [0, 0, 33, 33.51, 70, 0],
      },
    ],
    codes: [],
  },
  'k8sti__8x-h100-hbm3__580.105.08__v13.xml': {
    driver: '580.105.08',
    gpus: H100_READINGS.map(([bus, celsius, watts], at) => ({
      ...H100,
      uuid: `GPU-0000000${at}-0000-0000-0000-00000000000${at}`,
      bus: `00000000:${bus}:00.0`,
      readings: [0, 0, celsius, watts, 700, 0],
    })),
    codes: [],
  },
  'pai__2x-rtx-2080-ti-no-ecc__410.73__v10.xml': {
    driver: '410.73',
    gpus: [
      {
        ...RTX_2080_TI,
        uuid: 'GPU-57567e11-0be2-381b-5132-2ad95c262e58',
        bus: '00000000:02:00.0',
        readings: [0, 0, 24, 2.12, 250],
      },
      {
        ...RTX_2080_TI,
        uuid: 'GPU-ef1d0068-5bfd-f1e4-7e79-ff35d71d44b8',
        bus: '00000000:03:00.0',
        readings: [0, 0, 24, 19.11, 250],
      },
    ],
    codes: ['FIELD_UNAVAILABLE', 'FIELD_UNAVAILABLE', 'PERSISTENCE_MODE_OFF', 'PERSISTENCE_MODE_OFF'],
  },
  'telegraf__1of4-a100-sxm4-80gb-mig4__535.54.03__v12.xml': {
    driver: '535.54.03',
    gpus: [
      {
        uuid: 'GPU-513536b6-7d19-9063-b049-1e69664bb298',
        model: 'NVIDIA A100-SXM4-80GB',
        memoryMiB: 81920,
        bus: '00000000:01:00.0',
        readings: [undefined, 50, 27, 67.03, 500, 0],
        migMiB: [19968, 19968, 19968, 19968],
      },
    ],
    codes: ['FIELD_UNAVAILABLE', 'GPU_COUNT_MISMATCH', 'MIG_SLICE_UNIDENTIFIED', 'PERSISTENCE_MODE_OFF'],
  },
  'telegraf__1x-a10g__515.105.01__v11.xml': {
    driver: '515.105.01',
    gpus: [
      {
        uuid: 'GPU-9a9a6c50-2a47-2f51-a902-b82c3b127e94',
        model: 'NVIDIA A10G',
        memoryMiB: 23028,
        bus: '00000000:00:1e.0',
        readings: [0, 22, 17, 25.58, 300, 0],
      },
    ],
    codes: ['PERSISTENCE_MODE_OFF'],
  },
  'telegraf__1x-quadro-p2000__525.125.06__v12.xml': {
    driver: '525.125.06',
    gpus: [
      {
        uuid: 'GPU-396caaed-39ca-3199-2e68-717cdb786ec6',
        model: 'Quadro P2000',
        memoryMiB: 5120,
        bus: '00000000:17:00.0',
        readings: [0, 1, 34, 4.61, 75],
      },
    ],
    codes: ['FIELD_UNAVAILABLE'],
  },
  'telegraf__1x-rtx-3060__570.124.04__v12.xml': {
    driver: '570.124.04',
    gpus: [
      {
        uuid: 'GPU-d6889ff6-2523-9142-ca3c-1ca3f396a625',
        model: 'NVIDIA GeForce RTX 3060',
        memoryMiB: 12288,
        bus: '00000000:2d:00.0',
        readings: [0, 116, 42, 11.63, 170],
      },
    ],
    codes: ['FIELD_UNAVAILABLE'],
  },
  'telegraf__1x-rtx-3080__595.58.03__v13.xml': {
    driver: '595.58.03',
    gpus: [
      {
        uuid: 'GPU-19d6d965-2acc-f646-00f8-4c76979aabb4',
        model: 'NVIDIA GeForce RTX 3080',
        memoryMiB: 10240,
        bus: '00000000:0c:00.0',
        readings: [65, 9184, 27, 142.33, 320],
      },
    ],
    codes: ['FIELD_UNAVAILABLE', 'PERSISTENCE_MODE_OFF'],
  },
  'telegraf__1x-t4__515.105.01__v11.xml': {
    driver: '515.105.01',
    gpus: [
      {
        uuid: 'GPU-d37e67a5-91dd-3774-a5cb-99096249601a',
        model: 'Tesla T4',
        memoryMiB: 15360,
        bus: '00000000:00:1e.0',
        readings: [0, 1032, 40, 26.78, 70, 0],
      },
    ],
    codes: ['PERSISTENCE_MODE_OFF'],
  },
};

const MASKED = 'GPU-00000000-0000-0000-0000-000000000000';

/** Text captures: the `-L` slices and the readings when idle and under load. */
const TEXT_CAPTURES: Readonly<
  Record<
    string,
    {
      driver: string;
      gpu: Omit<WantedGpu, 'readings'>;
      idle: WantedGpu['readings'];
      load: WantedGpu['readings'];
      slices: readonly string[];
      cpus: string;
    }
  >
> = {
  'utku__linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt': {
    driver: '590.48.01',
    gpu: { ...H100, uuid: MASKED, bus: '00000000:00:09.0' },
    idle: [0, 0, 41, 69.62, 700, 0],
    load: [100, 19818, 59, 625.68, 700, 0],
    slices: [],
    cpus: '0-19',
  },
  'utku__linux-x86_64__nvidia-h100-mig__590.48.01.txt': {
    driver: '590.48.01',
    gpu: { ...H100, uuid: MASKED, bus: '00000000:00:09.0' },
    idle: [undefined, 59, 42, 70.72, 700, 0],
    load: [undefined, 11125, 53, 447.35, 700, 0],
    slices: [
      '3g.40gb MIG-00000000-0000-0000-0000-000000000000',
      '2g.20gb MIG-00000001-0000-0000-0000-000000000001',
      '1g.10gb MIG-00000002-0000-0000-0000-000000000002',
      '1g.10gb MIG-00000003-0000-0000-0000-000000000003',
    ],
    cpus: '0-19',
  },
  'utku__linux-x86_64__nvidia-l40s__595.80.txt': {
    driver: '595.80',
    gpu: { model: 'NVIDIA L40S', memoryMiB: 46068, uuid: MASKED, bus: '00000000:01:00.0' },
    idle: [100, 0, 63, 127.67, 350, 0],
    load: [9, 1235, 54, 112.38, 350, 0],
    slices: [],
    cpus: '0-7',
  },
};

function toTelemetry(readings: WantedGpu['readings']): Record<string, number> {
  const names = [
    'utilizationPercent',
    'memoryUsedBytes',
    'temperatureCelsius',
    'powerWatts',
    'powerLimitWatts',
    'eccUncorrectable',
  ];
  const telemetry: Record<string, number> = { sampledAtMs: READ_AT_MS };
  readings.forEach((value, at) => {
    if (value !== undefined) telemetry[names[at] as string] = at === 1 ? value * MIB : value;
  });
  return telemetry;
}

function read(...path: readonly string[]): string {
  return readFileSync(join(DATA, ...path), 'utf8');
}

/** The part of a text capture below the command `line`. */
function section(text: string, line: string, after = ''): string {
  const begin = text.indexOf(`# $ nvidia-smi ${line}`, Math.max(0, text.indexOf(after)));
  const end = text.indexOf('\n####', text.indexOf('####', begin) + 80);
  return text.slice(text.indexOf('\n', text.indexOf('####', begin)), end < 0 ? undefined : end);
}

const skip = existsSync(DATA) ? false : `no captures at ${DATA}`;

t.test('every XML capture is read into the inventory and readings that it shows', { skip }, async (t) => {
  t.same(
    readdirSync(join(DATA, 'xml')).sort(),
    Object.keys(XML_FILES).sort(),
    'every capture has a row here',
  );
  for (const [file, want] of Object.entries(XML_FILES)) {
    const report = readReport({ xml: read('xml', file) });
    t.equal(report.driverVersion, want.driver, `${file}: driver`);
    t.same(codesOf(report), want.codes, `${file}: conditions`);
    t.same(
      report.gpus.map((gpu) => ({
        uuid: gpu.uuid,
        model: gpu.model,
        memoryBytes: gpu.memoryBytes,
        bus: gpu.pciBusId,
        index: gpu.index,
        telemetry: gpu.telemetry,
        mig: gpu.mig.map((slice) => slice.memoryBytes),
        migMode: gpu.migMode,
      })),
      want.gpus.map((gpu, index) => ({
        uuid: gpu.uuid,
        model: gpu.model,
        memoryBytes: gpu.memoryMiB * MIB,
        bus: gpu.bus,
        index,
        telemetry: toTelemetry(gpu.readings),
        mig: (gpu.migMiB ?? []).map((mib) => mib * MIB),
        migMode: gpu.migMiB !== undefined,
      })),
      `${file}: GPUs`,
    );
    t.equal(report.completeness, 'whole', `${file}: nothing is missing in the document`);
  }
});

t.test('every text capture gives inventory, slices and readings through CSV and -L', { skip }, async (t) => {
  t.same(
    readdirSync(join(DATA, 'capture')).sort(),
    Object.keys(TEXT_CAPTURES).sort(),
    'every capture has a row here',
  );
  for (const [file, want] of Object.entries(TEXT_CAPTURES)) {
    const text = read('capture', file);
    const list = section(text, '-L');
    const topology = section(text, 'topo -m');
    for (const [state, readings] of [
      ['idle', want.idle],
      ['load', want.load],
    ] as const) {
      const report = readReport({
        csv: section(text, '--query-gpu=', `# ${state} :: query-gpu`),
        list,
        topology,
      });
      const gpu = report.gpus[0];
      t.equal(report.gpus.length, 1, `${file}: one GPU`);
      t.equal(report.driverVersion, want.driver, `${file}: driver`);
      t.equal(report.attachedGpus, 1, `${file}: attached`);
      t.match(
        gpu,
        {
          uuid: want.gpu.uuid,
          model: want.gpu.model,
          memoryBytes: want.gpu.memoryMiB * MIB,
          pciBusId: want.gpu.bus,
        },
        `${file}: GPU`,
      );
      t.same(gpu?.telemetry, toTelemetry(readings), `${file}: readings ${state}`);
      t.same(
        gpu?.mig.map((slice) => `${slice.profile} ${slice.uuid}`),
        want.slices,
        `${file}: slices`,
      );
      t.equal(gpu?.migMode, want.slices.length > 0, `${file}: MIG mode`);
      t.same(report.topology, [], `${file}: one GPU has no links`);
    }
    t.match(
      parseTopologyMatrix(topology),
      [{ gpuIndex: 0, cpuAffinity: want.cpus, numaNode: 0 }],
      `${file}: affinity`,
    );
  }
});

t.test('the topology captures give the ranks of all pairs', { skip }, async (t) => {
  const wanted: Readonly<Record<string, readonly [number, string, readonly number[]]>> = {
    'SYNTH__2x-nvlink-bridge-nv4.txt': [2, 'NV4', []],
    'SYNTH__8x-h100-nv18-8nic.txt': [8, 'NV18', [0, 0, 0, 0, 1, 1, 1, 1]],
    'SYNTH__8x-pcie-all-sys.txt': [8, 'SYS', [0, 0, 0, 0, 1, 1, 1, 1]],
  };
  t.same(readdirSync(join(DATA, 'topo')).sort(), Object.keys(wanted).sort(), 'every capture has a row here');
  for (const [file, [gpus, rank, numa]] of Object.entries(wanted)) {
    const rows = parseTopologyMatrix(read('topo', file)) ?? [];
    t.equal(rows.length, gpus, `${file}: a row per GPU and none per network card`);
    for (const row of rows) {
      t.equal(row.ranks.size, gpus, `${file}: a rank per GPU`);
      for (const [other, value] of row.ranks) t.equal(value, other === row.gpuIndex ? 'X' : rank);
    }
    t.same(
      rows.flatMap((row) => row.numaNode ?? []),
      numa,
      `${file}: NUMA nodes`,
    );
  }
});

t.test('texts that are no document are refused without being mistaken for one', { skip }, async (t) => {
  const ended = (stdout: string, exitCode: number) =>
    failureFindings({ end: 'exited', stdout, stderr: '', exitCode })[0]?.code;
  t.equal(ended(read('errors', 'stdout_driver-not-loaded__exit9.txt'), 9), 'DRIVER_NOT_LOADED');
  t.equal(ended(read('errors', 'stdout_no-devices__exit6.txt'), 6), 'NO_DEVICES');
  const retirement = read('text', 'azure__8gpu-page-retirement-clean__535.86.10.txt');
  t.notOk(hasSmiDocument(retirement));
  t.equal(ended(retirement, 0), 'PROBE_FAILED');
  const links = parseGpuList(read('text', 'azure__nvlink-status-good.txt'));
  t.same(links, [
    {
      index: 7,
      uuid: 'GPU-c7e253b0-c227-6f10-e860-7482c85e7ce8',
      model: 'NVIDIA A100-SXM4-80GB',
      slices: [],
    },
  ]);
});
