/**
 * Help pages, drawn from the command declarations. Pure text: widths and colours come in.
 */
import { displayWidth, fitToWidth } from './safe-text.ts';
import type { Style } from './style.ts';

export interface HelpOptions {
  readonly columns: number;
  readonly style: Style;
}

/** A term and what it means, as help lists them. */
export interface HelpRow {
  readonly term: string;
  readonly doc: string;
}

export interface HelpSection {
  readonly title: string;
  readonly rows: readonly HelpRow[];
}

export interface HelpPage {
  readonly usage: string;
  readonly paragraphs: readonly string[];
  readonly sections: readonly HelpSection[];
  readonly examples: readonly string[];
  readonly footer?: string;
}

/** Widest column of terms; longer terms stand on a line of their own. */
const TERM_WIDTH_MAX = 34;
const HELP_WIDTH_MAX = 110;

export function renderHelp(page: HelpPage, options: HelpOptions): string {
  const width = Math.max(40, Math.min(options.columns, HELP_WIDTH_MAX));
  const { style } = options;
  const blocks: string[] = [`${style('bold', 'Usage:')} ${page.usage}`];
  for (const paragraph of page.paragraphs) blocks.push(wrapText(paragraph, width).join('\n'));
  for (const section of page.sections) {
    if (section.rows.length === 0) continue;
    blocks.push([style('bold', `${section.title}:`), ...renderRows(section.rows, width)].join('\n'));
  }
  if (page.examples.length > 0) {
    const title = page.examples.length === 1 ? 'Example:' : 'Examples:';
    blocks.push([style('bold', title), ...page.examples.map((line) => `  ${line}`)].join('\n'));
  }
  if (page.footer !== undefined) blocks.push(wrapText(page.footer, width).join('\n'));
  return `${blocks.join('\n\n')}\n`;
}

function renderRows(rows: readonly HelpRow[], width: number): readonly string[] {
  const termWidth = Math.min(TERM_WIDTH_MAX, Math.max(...rows.map((row) => displayWidth(row.term))));
  const indent = ' '.repeat(termWidth + 4);
  return rows.flatMap(({ term, doc }) => {
    const lines = wrapText(doc, Math.max(24, width - indent.length));
    if (displayWidth(term) > termWidth)
      return [`  ${fitToWidth(term, width - 2)}`, ...lines.map((line) => indent + line)];
    const first = `  ${term}${' '.repeat(termWidth - displayWidth(term))}  ${lines[0] ?? ''}`;
    return [first.trimEnd(), ...lines.slice(1).map((line) => indent + line)];
  });
}

/** Breaks at spaces; a longer word stands alone. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}
