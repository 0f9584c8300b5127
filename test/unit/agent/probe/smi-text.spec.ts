/**
 * Aim: the texts beside the document (`-L`, `topo -m`, CSV, verdict lines) are read in all their layouts. Method:
 * small literal texts, one oddity each.
 */
import t from 'tap';
import { parseGpuList } from '../../../../agent/probe/gpu-list.ts';
import { failureFindings, warningFindings } from '../../../../agent/probe/nvidia-smi-error.ts';
import { findUnknownField, parseQueryCsv } from '../../../../agent/probe/query-csv.ts';
import { parseSmiDocument } from '../../../../agent/probe/smi-document.ts';
import { parseTopologyMatrix } from '../../../../agent/probe/topology-matrix.ts';
import { parseXmlElement, textAt } from '../../../../agent/probe/xml-tree.ts';

t.test('-L gives slices to the GPU above them, by both forms of their UUIDs', async (t) => {
  const list = parseGpuList(
    [
      'GPU 0: NVIDIA A100 (UUID: GPU-aaaa)',
      '  MIG 1g.5gb Device 0: (UUID: MIG-GPU-aaaa/1/0)',
      'GPU 1: damaged (UUID: ',
      '  MIG 1g.5gb      Device  0: (UUID: MIG-lost)',
      'GPU 2: Board (rev 2) (UUID: GPU-cccc)\r',
      '  MIG 3g.20gb     Device  1: (UUID: MIG-cccc)',
    ].join('\n'),
  );
  t.same(list, [
    {
      index: 0,
      uuid: 'GPU-aaaa',
      model: 'NVIDIA A100',
      slices: [{ index: 0, uuid: 'MIG-GPU-aaaa/1/0', profile: '1g.5gb' }],
    },
    {
      index: 2,
      uuid: 'GPU-cccc',
      model: 'Board (rev 2)',
      slices: [{ index: 1, uuid: 'MIG-cccc', profile: '3g.20gb' }],
    },
  ]);
  t.same(parseGpuList('No devices found.\n'), []);
});

t.test('topo -m is read without NUMA columns, with old names of cards, and with holes', async (t) => {
  const old = [
    '\tGPU0\tGPU1\tmlx5_0\tCPU Affinity',
    'GPU0\t X \tPIX\tPHB\t0-7',
    'GPU1\tPIX\t X \tPHB\t',
    'mlx5_0\tPHB\tPHB\t X \t',
  ].join('\n');
  const rows = parseTopologyMatrix(old);
  t.equal(rows?.length, 2);
  t.equal(rows?.[0]?.ranks.get(1), 'PIX');
  t.same([rows?.[0]?.cpuAffinity, rows?.[1]?.cpuAffinity, rows?.[0]?.numaNode], ['0-7', '', undefined]);
  const holes = parseTopologyMatrix('\tGPU0\tGPU1\tCPU Affinity\tNUMA Affinity\nGPU0\tX\tERR\nGPU1\n');
  t.same([...(holes?.[0]?.ranks ?? [])], [[0, 'X']], 'a cell that is no rank is left out');
  t.equal(holes?.[1]?.ranks.size, 0);
  t.equal(parseTopologyMatrix('Failed to initialize NVML\n'), undefined);
  t.equal(parseTopologyMatrix('\tGPU0\n'), undefined, 'a header without rows is no matrix');
});

t.test('CSV is read by the names in its header', async (t) => {
  const csv = parseQueryCsv(
    'uuid, memory.total [MiB], utilization.gpu [%], name\nGPU-aaaa, 100 MiB, [N/A], A, B\nshort\n',
  );
  t.equal(csv?.elements.length, 1);
  t.match(csv?.elements[0], { uuid: 'GPU-aaaa', memoryBytes: 100 * 2 ** 20, model: 'A, B' });
  t.equal(csv?.elements[0]?.readings.utilizationPercent, undefined);
  t.equal(csv?.unreadableLines, 1);
  t.equal(parseQueryCsv('No devices were found\n'), undefined);
  t.equal(
    findUnknownField('Field "power.draw.instant" is not a valid field to query.\n'),
    'power.draw.instant',
  );
});

t.test('a verdict is found whatever the exit code, and the address of a lost GPU is kept', async (t) => {
  const code = (stdout: string, exitCode?: number, stderr = '') =>
    failureFindings({ end: 'exited', stdout, stderr, ...(exitCode === undefined ? {} : { exitCode }) })[0];
  t.equal(code('No devices were found\n', 0)?.code, 'NO_DEVICES');
  t.equal(
    code('', 255, 'Failed to initialize NVML: Driver/library version mismatch')?.code,
    'DRIVER_MISMATCH',
  );
  t.match(code('Unable to determine the device handle for GPU0000:9B:00.0: Unknown Error\n', 255), {
    code: 'GPU_LOST',
    message: /0000:9B:00\.0/,
  });
  t.match(code('', 1), { code: 'PROBE_FAILED', message: /code 1 and printed nothing/ });
  t.match(code('', undefined), { code: 'PROBE_FAILED', message: /a signal/ });
  t.equal(code('', 4)?.code, 'NO_PERMISSION');
  const ends = ['unstartable', 'timeout', 'stuck', 'busy', 'overflow', 'aborted'] as const;
  const codes = ends.map(
    (end) => failureFindings({ end, stdout: '', stderr: '', errorCode: 'EACCES' })[0]?.code,
  );
  t.same(codes, [
    'PROBE_FAILED',
    'PROBE_TIMEOUT',
    'PROBE_STUCK',
    'PROBE_STUCK',
    'PROBE_OUTPUT_TRUNCATED',
    'PROBE_FAILED',
  ]);
  t.same(warningFindings({ end: 'exited', exitCode: 0, stdout: '', stderr: '' }), []);
  t.match(warningFindings({ end: 'exited', exitCode: 3, stdout: '', stderr: 'w' }), [
    { code: 'PROBE_WARNING' },
    { message: 'nvidia-smi warns: w' },
  ]);
});

t.test('a document is cut by elements, within its bounds', async (t) => {
  const open = parseSmiDocument(
    '<nvidia_smi_log><attached_gpus>2</attached_gpus><gpu id="a"><x>1</x><gpu id="b"><x>2</x></gpu></nvidia_smi_log>',
  );
  t.same(
    open.gpuTexts,
    ['<gpu id="b"><x>2</x></gpu>'],
    'an element that never closes does not swallow the next',
  );
  const many = parseSmiDocument(`<nvidia_smi_log>${'<gpu><uuid>u</uuid></gpu>'.repeat(65)}</nvidia_smi_log>`);
  t.same([many.gpuTexts.length, many.droppedGpus], [64, 1]);
  const large = parseSmiDocument(`<nvidia_smi_log><gpu><x>${'1'.repeat(600_000)}</x></gpu></nvidia_smi_log>`);
  t.same([large.gpuTexts.length, large.droppedGpus, large.truncated], [0, 1, false]);
  t.same(parseSmiDocument(''), { driverVersion: '', gpuTexts: [], droppedGpus: 0, truncated: true });
});

t.test('XML is text only: no entities are fetched or expanded, no names reach a prototype', async (t) => {
  const tree =
    parseXmlElement(
      '<gpu><a>&amp;&lt;b&gt;</a><bus>00</bus><list>1</list><list>2</list><e> </e></gpu>',
      'gpu',
    ) ?? {};
  t.equal(textAt(tree, 'a'), '&<b>');
  t.equal(textAt(tree, 'bus'), '00');
  t.equal(textAt(tree, 'list'), '1');
  t.equal(textAt(tree, 'e'), '');
  t.equal(textAt(tree, 'toString'), undefined);
  t.equal(textAt(tree, '__proto__/polluted'), undefined);
  parseXmlElement('<gpu><__proto__><polluted>yes</polluted></__proto__></gpu>', 'gpu');
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
  for (const broken of ['', '<gpu>', '<gpu></cpu>', '<other></other>', '<gpu>text</gpu>'])
    t.equal(parseXmlElement(broken, 'gpu'), undefined, broken);
});
