/**
 * Aim: every valid key has one place of its own, and the place gives the key back. Method: random keys of hostile
 * pieces.
 */
import t from 'tap';
import { fromNames, toFilePath, toFolderPath } from '../../../../controller/blobs/blob-key.ts';
import { createTestRng, pick } from '../../../kit/rng.ts';

const PIECES = [
  'a',
  '@',
  '%',
  '%40',
  '%+',
  '+',
  '.',
  '..',
  '...',
  ' ',
  'ü',
  '码',
  '😀',
  'x'.repeat(239),
  '-',
  '~',
  '"',
];

t.test('keys and places are one to one', async (t) => {
  const rng = createTestRng('blob-key');
  const places = new Map<string, string>();
  for (let run = 0; run < 3000; run += 1) {
    const segment = (): string =>
      Array.from({ length: 1 + rng.integer(4) }, () => pick(rng, PIECES)).join('');
    const key = Array.from({ length: 1 + rng.integer(3) }, segment).join('/');
    if (Buffer.byteLength(key) > 1024 || key.split('/').some((part) => part === '.' || part === '..'))
      continue;
    const file = toFilePath(key);
    const other = places.get(file) ?? key;
    if (other !== key) t.fail('two keys share a place', { key, other });
    places.set(file, key);
    const names = file.slice(0, -1).split('/');
    if (fromNames(names) !== key) t.fail('the place gives another key', { key, file });
    if (names.some((name) => Buffer.byteLength(name) > 254 || name === '.' || name === '..')) {
      t.fail('a name that no file may have', { key, file });
    }
    if (places.has(toFolderPath(key))) t.fail('a folder where a file is', { key });
  }
  t.ok(places.size > 1000);
});
