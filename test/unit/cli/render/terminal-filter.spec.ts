/**
 * Aim: whatever a job prints, a person's terminal draws and does nothing else. Method: sequences that terminals act
 * on, in every spelling that they understand, whole and cut at each byte.
 */
import t, { type Test } from 'tap';
import { createTerminalFilter } from '../../../../cli/render/terminal-filter.ts';

/** Filtered in one go, and byte by byte, which must be the same. */
function filtered(t: Test, text: string | Buffer): string {
  const bytes = Buffer.from(text);
  const whole = Buffer.from(createTerminalFilter()(bytes)).toString('latin1');
  const filter = createTerminalFilter();
  const pieces = [...bytes].map((byte) => Buffer.from(filter(Uint8Array.of(byte))));
  t.equal(Buffer.concat(pieces).toString('latin1'), whole, 'cut anywhere, it is the same');
  return Buffer.from(whole, 'latin1').toString('utf8');
}

const ESC = '\u001b';
const CSI = '\u009b';
const OSC = '\u009d';
const ST = '\u009c';

t.test('colours, line editing and all text pass', async (t) => {
  for (const text of [
    'plain\n',
    'loss 0.1\rloss 0.2\n',
    `${ESC}[31mred${ESC}[0m`,
    `${ESC}[2K${ESC}[1A`,
    'é£µ Ω 漢字 🙂 §',
    '\u00a0\u00bf\u00ff',
  ]) {
    t.equal(filtered(t, text), text);
  }
});

t.test('what makes a terminal act is taken out', async (t) => {
  const rows: readonly (readonly [string, string])[] = [
    [`a${ESC}]0;title\u0007b`, 'ab'],
    [`a${ESC}]52;c;ZXZpbA==${ESC}\\b`, 'ab'],
    [`a${ESC}[6nb`, 'ab'],
    [`a${ESC}[?1049hb`, 'ab'],
    [`a${ESC}[>4;2mb`, 'ab'],
    [`a${ESC}${ESC}[>4;2mb`, 'ab'],
    [`a${ESC}${ESC}${ESC}[?25lb`, 'ab'],
    [`a${ESC}Pq#0${ESC}\\b`, 'ab'],
    [`a${ESC}cb`, 'ab'],
    ['a\u0000\u0007\u007fb', 'ab'],
  ];
  for (const [text, wanted] of rows) t.equal(filtered(t, text), wanted, JSON.stringify(text));
});

t.test('controls of one character in UTF-8 begin nothing', async (t) => {
  for (const text of [`${CSI}6n`, `${OSC}52;c;ZXZpbA==${ST}`, `${ESC}[${CSI}>4;2m`, `${ESC}[1${OSC}0;m`]) {
    t.notMatch(filtered(t, text), /[\u0080-\u009f\u001b]/, JSON.stringify(text));
  }
  t.equal(
    filtered(t, Buffer.from([0xc2, 0xc2, 0x9b, 0x41])).includes(CSI),
    false,
    'nor behind half a character',
  );
});

t.test('a string without an end takes a bounded part of the log with it', async (t) => {
  const log = 'x'.repeat(10_000);
  for (const start of [`${ESC}]0;`, `${ESC}P`, `${ESC}_`]) {
    const left = filtered(t, `a${start}${log}${ESC}]0;again\u0007b`);
    t.match(left, /^ax+b$/, JSON.stringify(start));
    t.ok(left.length > 5_000, 'most of it is shown');
  }
  t.match(filtered(t, `${ESC}]${ESC.repeat(10_000)}[6nb`), /^\[?6?n?b$/, 'escapes alone end it too');
});
