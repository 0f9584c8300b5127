/**
 * Aim: nothing that a user names can leave its terminal cell, and tables fit. Method: hostile names go through the
 * renderers and the result is searched for anything a terminal acts on; layouts are compared with golden text.
 */
import t from 'tap';
import { toJsonText } from '../../../../cli/render/records.ts';
import { displayWidth, fitToWidth, padToWidth, toSafeText } from '../../../../cli/render/safe-text.ts';
import { createStyle } from '../../../../cli/render/style.ts';
import { type Column, renderDetails, renderTable } from '../../../../cli/render/table.ts';
import { createTerminalFilter } from '../../../../cli/render/terminal-filter.ts';
import { toYaml } from '../../../../cli/render/yaml-text.ts';

const HOSTILE: readonly string[] = [
  '\u001b[31mred\u001b[0m',
  '\u001b]0;title\u0007',
  '\u001b]52;c;aGk=\u0007',
  'a\nb\r\nc',
  'left\u202eright',
  '\u2066isolate\u2069',
  'zero\u200bwidth\ufeff',
  'c1\u009b31m',
  '<script>alert(1)</script>',
  '$(rm -rf /) `x` ; | & ../../etc',
  'tab\tbell\u0007back\b',
  'tag\u{e0041}',
  'half\ud800',
  'line\u2028sep',
];
const ACTS =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}\p{Cs}]/u;

t.test('hostile text is shown, not obeyed, in every format', async (t) => {
  const style = createStyle(false);
  const columns: readonly Column<string>[] = [{ header: 'NAME', value: (name) => name }];
  for (const [at, name] of HOSTILE.entries()) {
    // Never part of an assert's name: TAP has lines of its own, and drops a line with U+2028 in it.
    t.notMatch(toSafeText(name), /\n/);
    const table = renderTable([name], columns, { columns: 40, wide: false, style });
    t.notMatch(table, ACTS, `table: name ${at}`);
    t.equal(table.split('\n').length, 3, 'a record is one line');
    const details = renderDetails([['Name', name]], { columns: 40, wide: true, style });
    t.equal(details.split('\n').length, 2);
    t.notMatch(details, ACTS);
    const json = toJsonText({ [name]: name });
    t.notMatch(json, ACTS);
    t.same(JSON.parse(json), { [name]: name }, 'JSON holds the name unchanged');
    t.notMatch(await toYaml({ [name]: [name] }), ACTS, `yaml: name ${at}`);
  }
  const { parse } = await import('yaml');
  for (const name of HOSTILE.filter((text) => !/\p{Cs}/u.test(text))) {
    t.same(parse(await toYaml({ key: name })), { key: name }, 'YAML holds the name unchanged');
  }
});

t.test('widths count what a terminal shows', async (t) => {
  const cases: readonly (readonly [string, number])[] = [
    ['abc', 3],
    ['日本', 4],
    ['한글', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['🚀', 2],
    ['', 0],
    ['ａ', 2],
  ];
  for (const [text, width] of cases) t.equal(displayWidth(text), width, text);
  t.equal(fitToWidth('日本語', 5), '日本…');
  t.equal(fitToWidth('日本語', 4), '日…');
  t.equal(fitToWidth('abc', 3), 'abc');
  t.equal(fitToWidth('abcd', 3), 'ab…');
  t.equal(padToWidth('日', 4), '日  ');
  t.equal(padToWidth('7', 3, 'right'), '  7');
  t.ok(fitToWidth(`z${'\u0301'.repeat(50)}`, 10).length <= 5, 'towers of marks are cut');
});

t.test('a table fits the terminal, never cuts an id, and is whole in a pipe', async (t) => {
  const records = [
    { id: 'job_0123456789', name: 'a very long name that does not fit', state: 'running' },
    { id: 'job_1', name: '日本語の名前', state: 'failed' },
  ];
  const columns: readonly Column<(typeof records)[number]>[] = [
    { header: 'ID', value: ({ id }) => id, fixed: true },
    { header: 'NAME', value: ({ name }) => name },
    { header: 'STATE', value: ({ state }) => state, style: () => 'green' },
    { header: 'WIDE', value: () => 'w', wide: true },
  ];
  const plain = createStyle(false);
  const narrow = renderTable(records, columns, { columns: 40, wide: false, style: plain });
  t.equal(
    narrow,
    'ID              NAME             STATE\njob_0123456789  a very long na…  running\njob_1           日本語の名前     failed\n',
  );
  for (const line of narrow.split('\n')) t.ok(displayWidth(line) <= 40);
  const piped = renderTable(records, columns, { columns: undefined, wide: true, style: plain });
  t.match(piped, /a very long name that does not fit/);
  t.match(piped, /WIDE/);
  const coloured = renderTable(records, columns, { columns: 40, wide: false, style: createStyle(true) });
  t.match(coloured, /\u001b\[32mrunning/);
  t.equal(renderTable([], columns, { columns: 40, wide: false, style: plain }), '');
});

t.test('job output on a terminal keeps colours and progress bars and loses everything else', async (t) => {
  const filter = (text: string, pieces = 1): string => {
    const run = createTerminalFilter();
    const bytes = Buffer.from(text);
    const out: Buffer[] = [];
    const size = Math.ceil(bytes.length / pieces) || 1;
    for (let at = 0; at < bytes.length; at += size) out.push(Buffer.from(run(bytes.subarray(at, at + size))));
    return Buffer.concat(out).toString();
  };
  const cases: readonly (readonly [string, string])[] = [
    ['plain\r\n\ttext\b', 'plain\r\n\ttext\b'],
    ['\u001b[1;31mred\u001b[0m', '\u001b[1;31mred\u001b[0m'],
    ['50%\r\u001b[K51%\u001b[A', '50%\r\u001b[K51%\u001b[A'],
    ['a\u001b]0;evil\u0007b', 'ab'],
    ['a\u001b]52;c;aGk=\u001b\\b', 'ab'],
    ['a\u001bP+q544e\u001b\\b', 'ab'],
    ['a\u001b[6nb\u001b[cb', 'abb'],
    ['a\u001b[?1049hb', 'ab'],
    ['a\u001bcb', 'ab'],
    ['a\u001b(0b', 'ab'],
    ['bell\u0007', 'bell'],
    ['日本', '日本'],
    [`a\u001b[${'1;'.repeat(300)}mb`, 'b'],
  ];
  for (const [given, want] of cases) {
    const whole = filter(given);
    if (given.length < 300) t.equal(whole, want, JSON.stringify(given));
    else t.notMatch(whole, /\u001b/, 'an endless sequence is given up');
    t.equal(filter(given, given.length), whole, 'cut anywhere it is the same');
  }
});
