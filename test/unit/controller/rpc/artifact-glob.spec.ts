/**
 * Aim: a glob means the paths that people expect, in linear time. Method: tables, and a pattern made to be slow.
 */
import t from 'tap';
import { matchesAnyGlob, matchesGlob } from '../../../../controller/rpc/artifact-glob.ts';

const MATCHES: readonly [glob: string, path: string][] = [
  ['*.txt', 'a.txt'],
  ['*.txt', 'deep/down/a.txt'],
  ['model', 'model'],
  ['plots', 'plots/loss.svg'],
  ['plots/', 'plots/2/loss.svg'],
  ['plots/*', 'plots/loss.svg'],
  ['plots/*', 'plots/2/loss.svg'],
  ['/a.txt', 'a.txt'],
  ['**/loss.svg', 'loss.svg'],
  ['**/loss.svg', 'a/b/loss.svg'],
  ['a/**/z', 'a/z'],
  ['a/**/z', 'a/b/c/z'],
  ['**', 'anything/at/all'],
  ['?.txt', 'a.txt'],
  ['?.txt', '码.txt'],
  ['epoch-*-of-*', 'epoch-1-of-9'],
  ['[a]', '[a]'],
];

const MISSES: readonly [glob: string, path: string][] = [
  ['*.txt', 'a.txt.bin'],
  ['/a.txt', 'b/a.txt'],
  ['plots/*', 'other/loss.svg'],
  ['plots/*.svg', 'plots/2/loss.svg'],
  ['a/*/z', 'a/b/c/z'],
  ['?.txt', '.txt'],
  ['a.c', 'abc'],
  ['(a|b)', 'a'],
];

t.test('globs match', async (t) => {
  for (const [glob, path] of MATCHES) t.equal(matchesGlob(glob, path), true, `${glob} ${path}`);
});

t.test('globs do not match', async (t) => {
  for (const [glob, path] of MISSES) t.equal(matchesGlob(glob, path), false, `${glob} ${path}`);
});

t.test('no glob means all, one of many is enough', async (t) => {
  t.equal(matchesAnyGlob([], 'a'), true);
  t.equal(matchesAnyGlob(['x', 'a'], 'a'), true);
  t.equal(matchesAnyGlob(['x', 'y'], 'a'), false);
});

t.test('a hostile pattern is as quick as any other', async (t) => {
  const startedMs = performance.now();
  t.equal(matchesGlob(`${'*a'.repeat(400)}b`, 'a'.repeat(1000)), false);
  t.equal(matchesGlob(`${'**/a/'.repeat(150)}b`, 'a/'.repeat(400).slice(0, -1)), false);
  t.ok(performance.now() - startedMs < 1_000);
});
