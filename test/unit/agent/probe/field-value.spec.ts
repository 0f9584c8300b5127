/**
 * Aim: values are numbers only when they are, and silence is never zero. Method: tables of texts.
 */
import t from 'tap';
import {
  parseCelsius,
  parseCount,
  parseMemoryBytes,
  parsePercent,
  parseText,
  parseWatts,
} from '../../../../agent/probe/field-value.ts';
import { parsePciBusId, toPciOrder } from '../../../../agent/probe/pci-bus-id.ts';

const SILENT = [
  undefined,
  '',
  'N/A',
  '[N/A]',
  '[Not Supported]',
  'GPU is lost',
  '[GPU is lost]',
  'Unknown Error',
  'Requested functionality has been deprecated',
  'Insufficient Permissions',
  'None',
  'Not Found',
  'ERR!',
];

t.test('silence is unknown for every kind of value', async (t) => {
  for (const text of SILENT) {
    for (const parse of [parseMemoryBytes, parsePercent, parseCelsius, parseWatts, parseCount, parseText]) {
      t.equal(parse(text), undefined, `${parse.name}(${String(text)})`);
    }
  }
});

t.test('numbers come in their unit and within sane bounds', async (t) => {
  t.equal(parseMemoryBytes('0 MiB'), 0, 'zero is a value');
  t.equal(parseMemoryBytes('81559 MiB'), 81559 * 2 ** 20);
  t.equal(parseMemoryBytes('2 GiB'), 2 ** 31);
  t.equal(parseMemoryBytes('7'), 7 * 2 ** 20, 'CSV without units is MiB');
  for (const wrong of ['-1 MiB', '9999999999999999 MiB', '1e9 MiB', '5 apples', '0x10', '1,5 MiB'])
    t.equal(parseMemoryBytes(wrong), undefined, wrong);
  t.equal(parsePercent('65 %'), 65);
  for (const wrong of ['101 %', '-1 %', '5 C', '4294967295 %'])
    t.equal(parsePercent(wrong), undefined, wrong);
  t.equal(parseCelsius('-5 C'), -5, 'headroom is negative');
  t.equal(parseCelsius('70000 C'), undefined);
  t.equal(parseWatts('68.92 W'), 68.92);
  t.equal(parseWatts('68,92 W'), undefined);
  t.equal(parseCount('0 bank(s)'), 0);
  t.equal(parseCount('12345678901234567890'), undefined, 'a serial number is no count');
  t.equal(parseText(' [Tesla T4] '), 'Tesla T4');
});

t.test('PCI addresses are compared in one form', async (t) => {
  t.equal(parsePciBusId('00000000:9B:00.0'), '00000000:9b:00.0');
  t.equal(parsePciBusId('0000:9b:00.0'), '00000000:9b:00.0');
  for (const wrong of ['', 'N/A', '9b:00.0', '0000:9b:00.8', '0000:9b:00.0 ; rm'])
    t.equal(parsePciBusId(wrong), undefined, wrong);
  const rows = ['00000001:02:00.0', '00000000:ca:00.0', '00000000:0f:00.0'].map((pciBusId) => ({ pciBusId }));
  t.same(
    toPciOrder(rows).map((row) => row.pciBusId),
    ['00000000:0f:00.0', '00000000:ca:00.0', '00000001:02:00.0'],
  );
  t.equal(
    toPciOrder([...rows, { pciBusId: '' }])[0]?.pciBusId,
    '00000001:02:00.0',
    'without an address the document decides',
  );
});
