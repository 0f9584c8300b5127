/**
 * Tables that fit the terminal: columns shrink by their declared readiness, cells are one safe line each.
 */
import { displayWidth, fitToWidth, padToWidth, toSafeText } from './safe-text.ts';
import type { Style, StyleName } from './style.ts';

export interface Column<T> {
  readonly header: string;
  readonly value: (record: T) => string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
  readonly align?: 'left' | 'right';
  /** Never cut: ids are for copying. */
  readonly fixed?: boolean;
  /** Shrinks only when no other column can any more: what the reader came for. */
  readonly precious?: boolean;
  readonly style?: (record: T) => StyleName | undefined;
}

export interface TableOptions {
  /** Terminal columns; undefined when output is no terminal: nothing is cut then. */
  readonly columns: number | undefined;
  readonly wide: boolean;
  readonly style: Style;
}

const GAP = '  ';
/** A column is not shrunk below this. */
const COLUMN_WIDTH_MIN = 6;
/** Longest cell when nothing limits the width. */
const CELL_WIDTH_MAX = 200;

/** A header line and one line per record, each ending in a line feed; empty text for no records. */
export function renderTable<T>(
  records: readonly T[],
  columns: readonly Column<T>[],
  options: TableOptions,
): string {
  if (records.length === 0) return '';
  const shown = columns.filter((column) => options.wide || column.wide !== true);
  const rows = records.map((record) =>
    shown.map((column) => fitToWidth(toSafeText(column.value(record)), CELL_WIDTH_MAX)),
  );
  const widths = chooseWidths(shown, rows, options.columns);
  const header = shown
    .map((column, at) => padCell(column.header, at, shown, widths))
    .join(GAP)
    .trimEnd();
  const lines = rows.map((row, rowAt) =>
    row
      .map((cell, at) => {
        const text = padCell(cell, at, shown, widths);
        const record = records[rowAt];
        const name = record === undefined ? undefined : shown[at]?.style?.(record);
        return name === undefined ? text : options.style(name, text);
      })
      .join(GAP)
      .replace(/ +$/, ''),
  );
  return `${[options.style('bold', header), ...lines].join('\n')}\n`;
}

function padCell<T>(
  cell: string,
  at: number,
  columns: readonly Column<T>[],
  widths: readonly number[],
): string {
  const width = widths[at] ?? 0;
  const last = at === columns.length - 1 && columns[at]?.align !== 'right';
  return last ? fitToWidth(cell, width) : padToWidth(cell, width, columns[at]?.align);
}

/** Natural widths, then the widest shrinkable column loses one until the line fits or all are at the least. */
function chooseWidths<T>(
  columns: readonly Column<T>[],
  rows: readonly (readonly string[])[],
  terminalColumns: number | undefined,
): readonly number[] {
  const widths = columns.map((column, at) =>
    Math.max(displayWidth(column.header), ...rows.map((row) => displayWidth(row[at] ?? ''))),
  );
  if (terminalColumns === undefined) return widths;
  let excess =
    widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - terminalColumns;
  while (excess > 0) {
    const widest =
      findWidestShrinkable(columns, widths, false) ?? findWidestShrinkable(columns, widths, true);
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function findWidestShrinkable<T>(
  columns: readonly Column<T>[],
  widths: readonly number[],
  precious: boolean,
): number | undefined {
  let found: number | undefined;
  for (const [at, width] of widths.entries()) {
    const least = Math.max(COLUMN_WIDTH_MIN, displayWidth(columns[at]?.header ?? ''));
    if (columns[at]?.fixed === true || width <= least) continue;
    if ((columns[at]?.precious === true) !== precious) continue;
    if (found === undefined || width > (widths[found] ?? 0)) found = at;
  }
  return found;
}

/** A label and its value; several lines are given as a list, so that no user text can make one. */
export type DetailRow = readonly [label: string, value: string | readonly string[]];

/** Two columns without a header, for one record; values are wrapped nowhere and cut only at the terminal. */
export function renderDetails(rows: readonly DetailRow[], options: TableOptions): string {
  const labelWidth = Math.max(0, ...rows.map(([label]) => displayWidth(label)));
  const valueWidth =
    options.columns === undefined ? Infinity : Math.max(20, options.columns - labelWidth - GAP.length);
  return rows
    .map(([label, value]) => {
      const lines = [value].flat().map((line) => fitToWidth(toSafeText(line), valueWidth));
      const indent = ' '.repeat(labelWidth) + GAP;
      const head = options.style('dim', padToWidth(label, labelWidth));
      return `${head}${GAP}${lines.join(`\n${indent}`)}`.trimEnd();
    })
    .map((line) => `${line}\n`)
    .join('');
}
