/**
 * How large files and functions may be, what each must open with, and which tests must exist beside them.
 */
import { type Finding, isHandWritten, isProduct, lineAt, type SourceFile, type Tree } from './tree.ts';

export const SOURCE_LINES_MAX = 500;
export const TEST_LINES_MAX = 800;
export const FUNCTION_LINES_MAX = 70;
/** A constructor function with its methods inside is as long as a class may be, if each part is short. */
export const FUNCTION_WITH_PARTS_LINES_MAX = 250;

export function findOversized(tree: Tree): readonly Finding[] {
  return tree.files.filter(isHandWritten).flatMap((file) => {
    const lines = file.text.trimEnd().split('\n').length;
    const cap = file.path.startsWith('test/') ? TEST_LINES_MAX : SOURCE_LINES_MAX;
    const whole =
      lines > cap ? [{ path: file.path, line: lines, message: `${lines} lines, at most ${cap}` }] : [];
    return [...whole, ...(isProduct(file) ? findLongFunctions(file) : [])];
  });
}

const CONTROL = /\b(if|for|while|switch|catch|with)\s*$/;

/**
 * Functions are found by their bodies: a brace after `=>`, or after a parameter list (with or without a return
 * type) that no control word precedes. Lines of functions inside count for those, so that a constructor function
 * is not blamed for its methods. Approximate, but exact on formatted code.
 */
export function findLongFunctions(file: SourceFile): readonly Finding[] {
  const closes = matchBrackets(file.code);
  const bodies = [...closes]
    .filter(([open]) => file.code.charAt(open) === '{' && opensFunction(file.code, open, closes))
    .map(([open, close]) => ({ first: lineAt(file.code, open), last: lineAt(file.code, close) }));
  return bodies.flatMap((body) => {
    const inside = bodies.filter((other) => other.first > body.first && other.last < body.last);
    const whole = body.last - body.first + 1;
    const own = whole - linesCovered(inside);
    const found = (message: string): readonly Finding[] => [{ path: file.path, line: body.first, message }];
    if (own > FUNCTION_LINES_MAX)
      return found(`a function of ${own} lines of its own, at most ${FUNCTION_LINES_MAX}`);
    if (whole > FUNCTION_WITH_PARTS_LINES_MAX) {
      return found(`a function of ${whole} lines with its parts, at most ${FUNCTION_WITH_PARTS_LINES_MAX}`);
    }
    return [];
  });
}

function linesCovered(bodies: readonly { readonly first: number; readonly last: number }[]): number {
  const lines = new Set<number>();
  for (const { first, last } of bodies) for (let line = first; line <= last; line += 1) lines.add(line);
  return lines.size;
}

function opensFunction(code: string, open: number, closes: ReadonlyMap<number, number>): boolean {
  const before = code.slice(0, open).trimEnd();
  if (before.endsWith('=>')) return true;
  const parameters = [...closes]
    .filter(([from, to]) => code.charAt(from) === '(' && to < open)
    .sort((a, b) => b[1] - a[1]);
  for (const [from, to] of parameters.slice(0, 4)) {
    const between = code.slice(to + 1, open).trim();
    if (between !== '' && !/^:[^;=]*$/.test(between)) continue;
    // A brace of the return type itself: something of the type must still be open, or precede it.
    if (between !== '' && /[:|&<,]$/.test(between)) return false;
    if (from !== undefined && CONTROL.test(code.slice(0, from))) return false;
    return true;
  }
  return false;
}

function matchBrackets(code: string): ReadonlyMap<number, number> {
  const closes = new Map<number, number>();
  const stack: number[] = [];
  for (let at = 0; at < code.length; at += 1) {
    const sign = code.charAt(at);
    if (sign === '{' || sign === '(') stack.push(at);
    else if (sign === '}' || sign === ')') {
      const open = stack.pop();
      if (open !== undefined) closes.set(open, at);
    }
  }
  return closes;
}

export function findWithoutHeader(tree: Tree): readonly Finding[] {
  return tree.files
    .filter(isHandWritten)
    .filter((file) => !/^(#![^\n]*\n)?\s*\/[/*]/.test(file.text))
    .map(({ path }) => ({
      path,
      line: 1,
      message: 'a file opens with a comment: what lives here and why it is apart',
    }));
}

/** Constants and types need no test of their own. */
const BEHAVIOUR = /^export (?:(?:async )?function|class|const \w+ = (?:async )?\()/m;

/** A file of a core folder that holds behaviour has a spec at the mirrored path. */
export function findWithoutTwin(tree: Tree): readonly Finding[] {
  const known = new Set(tree.files.map((file) => file.path));
  return tree.files
    .filter(
      (file) => /^(controller|agent)\/core\/.*\.ts$/.test(file.path) && !file.path.endsWith('/index.ts'),
    )
    .filter((file) => BEHAVIOUR.test(file.code))
    .map((file) => ({ path: file.path, twin: `test/unit/${file.path.replace(/\.ts$/, '.spec.ts')}` }))
    .filter(({ twin }) => !known.has(twin))
    .map(({ path, twin }) => ({ path, line: 1, message: `has no twin ${twin}` }));
}

/** Each area has an entry that imports its folder and a place in the runner's list; no spec lies outside them. */
export function findUncollected(tree: Tree): readonly Finding[] {
  const areasText = tree.files.find((file) => file.path === 'test/kit/runner/areas.mjs')?.text ?? '';
  const listed = [...areasText.matchAll(/\{ name: '([\w-]+)'/g)].map((match) => match[1] ?? '');
  const entries = tree.files.filter((file) => /^test\/[^/]+\.test\.ts$/.test(file.path));
  const collected = entries
    .filter((file) => file.text.includes(`importSpecs(new URL('./${areaOf(file.path)}/'`))
    .map((file) => areaOf(file.path))
    .filter((area) => listed.includes(area));
  const stray = tree.files.filter(
    (file) => /\.(spec|test)\.(ts|mjs)$/.test(file.path) && !entries.includes(file),
  );
  return [
    ...listed.filter((area) => !collected.includes(area)).map((area) => missing(`test/${area}.test.ts`)),
    ...entries.filter((file) => !collected.includes(areaOf(file.path))).map((file) => missing(file.path)),
    ...stray
      .filter(
        (file) =>
          !collected.some((area) => file.path.startsWith(`test/${area}/`)) || !file.path.endsWith('.spec.ts'),
      )
      .map((file) => ({ path: file.path, line: 1, message: 'no entry collects this spec' })),
  ];
}

function areaOf(path: string): string {
  return path.replace(/^test\//, '').replace(/\.test\.ts$/, '');
}

function missing(path: string): Finding {
  return {
    path,
    line: 1,
    message: 'an area needs an entry importing its folder and a place in test/kit/runner/areas.mjs',
  };
}
