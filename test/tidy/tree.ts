/**
 * The source tree as the tidy rules see it: paths with their text, and the same text with comments and the
 * insides of strings blanked out (line by line in place), so that a rule about code is not fooled by prose.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** As `text`, but comments and the contents of strings, templates and regular expressions are spaces. */
  readonly code: string;
}

export interface Tree {
  readonly files: readonly SourceFile[];
}

/** One breach of one rule; `line` is 1-based. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.git', '.tap', '.cache', 'golden', 'fixtures']);
const TEXT_FILES = /\.(c?ts|mjs|md|json|yaml|yml|sh|py|proto)$|^(LICENSE|\.taprc)$|^\.ci\/run$/;
const CODE_FILES = /\.(c?ts|mjs)$/;

export function readTree(root: string): Tree {
  const paths = listFolder(root, '').filter((path) => TEXT_FILES.test(path) && path !== 'package-lock.json');
  return treeOf(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** A tree out of nothing but paths and texts: what the rules' own tests plant their violations in. */
export function treeOf(entries: readonly (readonly [path: string, text: string])[]): Tree {
  const files = entries.map(([path, text]) => ({
    path,
    text,
    code: CODE_FILES.test(path) ? blank(text) : text,
  }));
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

function listFolder(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listFolder(root, path);
    return entry.isFile() ? [path] : [];
  });
}

/** Product and test code written by hand. */
export function isHandWritten(file: SourceFile): boolean {
  return CODE_FILES.test(file.path) && !file.path.startsWith('proto/gen/');
}

export function isProduct(file: SourceFile): boolean {
  return isHandWritten(file) && /^(proto|controller|agent|cli)\//.test(file.path);
}

/** Every match of `pattern` (global) in `text`, as findings. */
export function findAll(
  file: SourceFile,
  text: string,
  pattern: RegExp,
  message: string,
): readonly Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(text, match.index),
    message: message.replaceAll('$&', match[0].trim()),
  }));
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** What may stand before a `/` that begins a regular expression rather than a division. */
const BEFORE_REGEX = /(^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|throw))\s*$/;
const PIECES =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** Lexes with one pattern: enough for formatted code; an expression inside a template literal is kept. */
function blank(text: string): string {
  return text.replace(PIECES, (piece, at: number) => {
    if (piece.startsWith('//') || piece.startsWith('/*')) return hide(piece);
    if (piece.startsWith('/'))
      return BEFORE_REGEX.test(text.slice(Math.max(0, at - 80), at)) ? `/${hide(piece.slice(1))}` : piece;
    const quote = piece.charAt(0);
    const inside = piece.slice(1, -1);
    return quote + (quote === '`' ? hideTemplate(inside) : hide(inside)) + quote;
  });
}

function hide(piece: string): string {
  return piece.replace(/[^\n]/g, ' ');
}

function hideTemplate(inside: string): string {
  return inside
    .split(/(\$\{[^{}]*\})/)
    .map((part) => (part.startsWith('${') ? part : hide(part)))
    .join('');
}
