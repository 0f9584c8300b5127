/**
 * Aim: a table keeps what the reader came for as long as it can. Method: one record in terminals of several widths.
 */
import t from 'tap';
import { createStyle } from '../../../../cli/render/style.ts';
import { type Column, renderTable } from '../../../../cli/render/table.ts';

const COLUMNS: readonly Column<string>[] = [
  { header: 'ID', value: () => 'id-that-is-copied', fixed: true },
  { header: 'TYPE', value: () => 'a-long-kind-of-event' },
  { header: 'MESSAGE', value: (message) => message, precious: true },
];

function lineAt(columns: number | undefined, message: string): string {
  const options = { columns, wide: false, style: createStyle(false) };
  return renderTable([message], COLUMNS, options).split('\n')[1] ?? '';
}

t.test('nothing is cut where there is room, or no terminal', async (t) => {
  const whole = 'id-that-is-copied  a-long-kind-of-event  the job runs';
  t.equal(lineAt(undefined, 'the job runs'), whole);
  t.equal(lineAt(80, 'the job runs'), whole);
});

t.test('other columns give way before the precious one, and it before the line breaks', async (t) => {
  t.equal(lineAt(45, 'the job runs'), 'id-that-is-copied  a-long-kind…  the job runs');
  t.equal(lineAt(35, 'the job runs'), 'id-that-is-copied  a-lon…  the job…');
});

t.test('a fixed column is never cut', async (t) => {
  t.match(lineAt(10, 'the job runs'), /^id-that-is-copied {2}/);
});
