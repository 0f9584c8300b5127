/**
 * Aim: what people write is read exactly or refused with a reason. Method: tables, and round trips with arbitrary
 * numbers.
 */
import fc from 'fast-check';
import t from 'tap';
import {
  formatCpus,
  formatDuration,
  formatGpus,
  formatPort,
  formatSize,
  formatSizeRounded,
  type Parsed,
  parseBoolean,
  parseCount,
  parseCpus,
  parseDuration,
  parseGpus,
  parsePort,
  parsePriority,
  parseSize,
} from '../../../../proto/domain/units.ts';

type Table = readonly (readonly [text: string, value: unknown])[];
const REFUSED = undefined;

function check(name: string, parse: (text: string) => Parsed<unknown>, table: Table): void {
  t.test(name, async (t) => {
    for (const [text, value] of table) {
      const parsed = parse(text);
      if (value === REFUSED) {
        t.notOk(parsed.ok, `${JSON.stringify(text)} is refused`);
        if (!parsed.ok) t.match(parsed.reason, /^must /, 'the reason reads after the field name');
      } else t.strictSame(parsed, { ok: true, value }, JSON.stringify(text));
    }
  });
}

check('sizes', parseSize, [
  ['0', 0],
  ['1024', 1024],
  ['1Ki', 1024],
  ['4Gi', 4 * 1024 ** 3],
  [' 4GiB ', 4 * 1024 ** 3],
  ['1.5Gi', 1536 * 1024 ** 2],
  ['2Ti', 2 * 1024 ** 4],
  ['4G', REFUSED],
  ['4gi', REFUSED],
  ['-1', REFUSED],
  ['', REFUSED],
  ['Gi', REFUSED],
  ['1e9', REFUSED],
  ['0.1', REFUSED],
  ['9999999999999999Ti', REFUSED],
  ['1 Gi', REFUSED],
]);

check('durations', parseDuration, [
  ['0', 0],
  ['90s', 90_000],
  ['15m', 900_000],
  ['4h', 14_400_000],
  ['2d', 172_800_000],
  ['1h30m', 5_400_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['250ms', 250],
  ['1m250ms', 60_250],
  ['1.5s', 1500],
  ['90', REFUSED],
  ['', REFUSED],
  ['30m1h', REFUSED],
  ['1h1h', REFUSED],
  ['-5m', REFUSED],
  ['1.5h', REFUSED],
  ['5 m', REFUSED],
  ['1w', REFUSED],
]);

check('GPUs', parseGpus, [
  ['0', 0],
  ['2', 2000],
  ['0.5', 500],
  ['0.001', 1],
  ['1.0', 1000],
  ['1.5', REFUSED],
  ['0.0001', REFUSED],
  ['two', REFUSED],
  ['-1', REFUSED],
  ['', REFUSED],
]);

check('CPUs', parseCpus, [
  ['8', 8000],
  ['0.5', 500],
  ['500m', 500],
  ['1.25', 1250],
  ['0.0005', REFUSED],
  ['1.5m', REFUSED],
  ['many', REFUSED],
]);

check('ports', parsePort, [
  ['8080', { containerPort: 8080, hostPort: 0 }],
  ['8080:80', { containerPort: 80, hostPort: 8080 }],
  ['65535', { containerPort: 65_535, hostPort: 0 }],
  ['0', REFUSED],
  ['65536', REFUSED],
  ['80:', REFUSED],
  [':80', REFUSED],
  ['1:2:3', REFUSED],
  ['0:80', REFUSED],
  ['http', REFUSED],
  ['80/udp', REFUSED],
]);

check('priorities', parsePriority, [
  ['low', 250],
  ['normal', 500],
  ['high', 750],
  ['0', 0],
  ['1000', 1000],
  ['urgent', REFUSED],
  ['-1', REFUSED],
  ['constructor', REFUSED],
]);

check('counts', parseCount, [
  ['0', 0],
  ['12', 12],
  ['1.5', REFUSED],
  ['', REFUSED],
  ['-1', REFUSED],
]);

check('booleans', parseBoolean, [
  ['true', true],
  ['false', false],
  ['yes', REFUSED],
  ['True', REFUSED],
  ['1', REFUSED],
]);

const same = (parse: (text: string) => Parsed<unknown>, text: string, value: unknown): boolean => {
  const parsed = parse(text);
  return parsed.ok && JSON.stringify(parsed.value) === JSON.stringify(value);
};

t.test('formatting and parsing are inverse', async () => {
  const nat = fc.nat({ max: 2 ** 50 });
  fc.assert(fc.property(nat, (bytes) => same(parseSize, formatSize(bytes), bytes)));
  fc.assert(fc.property(nat, (durationMs) => same(parseDuration, formatDuration(durationMs), durationMs)));
  fc.assert(fc.property(fc.nat(1000), (milli) => same(parseGpus, formatGpus(milli), milli)));
  fc.assert(fc.property(fc.nat(1_000_000), (milli) => same(parseCpus, formatCpus(milli), milli)));
  const port = fc.record({
    containerPort: fc.integer({ min: 1, max: 65_535 }),
    hostPort: fc.integer({ min: 0, max: 65_535 }),
  });
  fc.assert(fc.property(port, (value) => same(parsePort, formatPort(value), value)));
});

t.test('no text makes a parser throw', async () => {
  const parsers = [parseSize, parseDuration, parseGpus, parseCpus, parsePort, parsePriority, parseCount];
  fc.assert(
    fc.property(fc.string(), (text) => parsers.every((parse) => typeof parse(text).ok === 'boolean')),
  );
});

t.test('rounded sizes are short', async (t) => {
  t.equal(formatSizeRounded(0), '0B');
  t.equal(formatSizeRounded(1536 * 1024), '1.5Mi');
  t.equal(formatSizeRounded(123.4 * 1024 ** 3), '123Gi');
  t.equal(formatDuration(0), '0s');
});
