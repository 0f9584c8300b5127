/**
 * Every record that a command prints goes through here: one list or one record in one of the five formats.
 */
import type { OutputFormat } from './output-format.ts';
import { escapeHidden } from './safe-text.ts';
import type { Style } from './style.ts';
import { type Column, type DetailRow, renderDetails, renderTable } from './table.ts';

/** A record in its JSON form: stable lowerCamelCase keys, times as UTC ISO 8601. */
export type JsonRecord = { readonly [key: string]: unknown };

/** How one kind of record looks. */
export interface RecordLook {
  /** The text of `-o id`, one per line. */
  readonly id: (record: JsonRecord) => string;
  readonly columns: (nowMs: number) => readonly Column<JsonRecord>[];
  /** Rows of `show` as a table; default: the columns, wide ones included. */
  readonly details?: (record: JsonRecord, nowMs: number) => readonly DetailRow[];
  /** Said on stderr when a list is empty. */
  readonly none: string;
}

export interface RecordOptions {
  readonly format: OutputFormat;
  readonly columns: number | undefined;
  readonly style: Style;
  readonly nowMs: number;
}

/** A list as text. JSON and YAML are always a list, also when it is empty. */
export async function renderRecords(
  records: readonly JsonRecord[],
  look: RecordLook,
  options: RecordOptions,
): Promise<string> {
  switch (options.format) {
    case 'json':
      return toJsonText(records);
    case 'yaml':
      return (await import('./yaml-text.ts')).toYaml(records);
    case 'id':
      return records.map((record) => `${look.id(record)}\n`).join('');
    case 'table':
    case 'wide':
      return renderTable(records, look.columns(options.nowMs), {
        columns: options.columns,
        wide: options.format === 'wide',
        style: options.style,
      });
  }
}

/** One record as text; JSON and YAML are one object. */
export async function renderRecord(
  record: JsonRecord,
  look: RecordLook,
  options: RecordOptions,
): Promise<string> {
  switch (options.format) {
    case 'json':
      return toJsonText(record);
    case 'yaml':
      return (await import('./yaml-text.ts')).toYaml(record);
    case 'id':
      return `${look.id(record)}\n`;
    case 'table':
    case 'wide': {
      const rows =
        look.details?.(record, options.nowMs) ??
        look.columns(options.nowMs).map((column): DetailRow => [column.header, column.value(record)]);
      return renderDetails(rows, { columns: options.columns, wide: true, style: options.style });
    }
  }
}

/** Indented JSON with one line feed at the end, safe to print on a terminal. */
export function toJsonText(value: unknown): string {
  return `${escapeHidden(JSON.stringify(value, null, 2))}\n`;
}

/** JSON on one line, for streams of records. */
export function toJsonLine(value: unknown): string {
  return `${escapeHidden(JSON.stringify(value))}\n`;
}
