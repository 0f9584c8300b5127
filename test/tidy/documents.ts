/**
 * Documents that must exist, decision records that must be numbered and settled, and links that must lead
 * somewhere.
 */
import { DOORS } from './import-law.ts';
import { type Finding, findAll, lineAt, type Tree } from './tree.ts';

const REQUIRED = [
  'README.md',
  'ARCHITECTURE.md',
  'GLOSSARY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'LICENSE',
  'docs/guide/data-sets.md',
];
const STATUS = /^(?:[-*] )?\**Status:?\**:? *(proposed|accepted|superseded by (?:ADR[- ])?\d{4})\b/im;
const RECORD = /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/;

export function findMissingDocuments(tree: Tree): readonly Finding[] {
  const known = new Set(tree.files.map((file) => file.path));
  return REQUIRED.filter((path) => !known.has(path)).map((path) => ({
    path,
    line: 1,
    message: 'is required',
  }));
}

/** Records count up from 0001 without gaps, state a known status, and are not cited unless they exist. */
export function findRecordFaults(tree: Tree): readonly Finding[] {
  const records = tree.files.filter((file) => file.path.startsWith('docs/adr/') && file.path.endsWith('.md'));
  const numbers = records.map((file) => RECORD.exec(file.path)?.[1] ?? '');
  const faults = records.flatMap((file, at) => {
    const wanted = String(at + 1).padStart(4, '0');
    const found = (message: string): Finding => ({ path: file.path, line: 1, message });
    return [
      ...(numbers[at] === wanted ? [] : [found(`should be number ${wanted}, named NNNN-title.md`)]),
      ...(STATUS.test(file.text)
        ? []
        : [found('has no line `Status: proposed | accepted | superseded by NNNN`')]),
    ];
  });
  const cited = tree.files
    .filter((file) => !file.path.startsWith('proto/gen/'))
    .flatMap((file) =>
      [...file.text.matchAll(/\bADR[- ](\d{4})\b/g)]
        .filter((match) => !numbers.includes(match[1] ?? ''))
        .map((match) => ({
          path: file.path,
          line: lineAt(file.text, match.index),
          message: `${match[0]} does not exist`,
        })),
    );
  return [...faults, ...cited];
}

const DOOR_ROW = /^\| (`[^|]+`) \| (`[^|]+`) \|$/gm;

/** The table of doors in ARCHITECTURE.md names every package that has one, and the folders of the law. */
export function findDoorTableFaults(tree: Tree): readonly Finding[] {
  const page = tree.files.find((file) => file.path === 'ARCHITECTURE.md');
  if (page === undefined) return [];
  const namesIn = (cell = ''): readonly string[] =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  const rows = [...page.text.matchAll(DOOR_ROW)].flatMap((row) =>
    namesIn(row[1]).map((name) => ({ name, line: lineAt(page.text, row.index), folders: namesIn(row[2]) })),
  );
  const told = new Set(rows.map(({ name }) => name));
  const missing = Object.keys(DOORS).filter((name) => !told.has(name));
  return [
    ...missing.map((name) => ({ path: page.path, line: 1, message: `names no door of ${name}` })),
    ...rows
      .filter(({ name, folders }) => folders.join() !== DOORS[name]?.join())
      .map(({ name, line }) => ({ path: page.path, line, message: `${name} has other doors in the law` })),
  ];
}

/** Relative links of Markdown files lead to files or folders of the tree. */
export function findDeadLinks(tree: Tree, exists: (path: string) => boolean): readonly Finding[] {
  return tree.files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) => {
      const folder = file.path.split('/').slice(0, -1);
      return findAll(file, file.text, /\]\((?!https?:|mailto:|#)([^)\s#]+)/g, '$&').flatMap((finding) => {
        const target = finding.message.replace(/^\]\(/, '');
        const path = normalize([...folder, ...target.split('/')]);
        return exists(path) ? [] : [{ ...finding, message: `the link ${target} leads nowhere` }];
      });
    });
}

function normalize(parts: readonly string[]): string {
  const kept: string[] = [];
  for (const part of parts) {
    if (part === '..') kept.pop();
    else if (part !== '.' && part !== '') kept.push(part);
  }
  return kept.join('/');
}
