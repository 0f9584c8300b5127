/**
 * Aim: names can be almost anything, and nothing that turns, hides or breaks text. Method: tables, and a property
 * that shown text never holds a control character.
 */
import fc from 'fast-check';
import t from 'tap';
import {
  checkDisplayName,
  checkLabelKey,
  checkSlug,
  checkTag,
  isPrintable,
  toPrintable,
  toTagSet,
} from '../../../../proto/domain/names.ts';

const HARMLESS = [
  'train',
  'train & eval; rm -rf /',
  '../../etc/passwd',
  '$(reboot) `id`',
  '<script>alert(1)</script>',
  '"quoted" \'too\'',
  '-rf',
  '--help',
  'a/b\\c',
  '100% %s %n',
  'größe-模型-🚀',
  'null',
  '__proto__',
];
const HARMFUL = [
  '',
  ' train',
  'train ',
  'a\nb',
  'a\tb',
  'a\0b',
  '\u001b[31mred',
  'a\u202egnp.exe',
  'a\u2066b',
  'zero\u200bwidth',
  'bom\ufeff',
  'line\u2028end',
  'c1\u009b31m',
  'lone\ud800',
  'job_123',
  'x'.repeat(129),
];

t.test('job names may hold metacharacters of shells, paths and pages', async (t) => {
  for (const name of HARMLESS) t.equal(checkDisplayName(name), undefined, JSON.stringify(name));
});

t.test('job names may not hold what turns, hides or breaks text', async (t) => {
  for (const name of HARMFUL) t.match(checkDisplayName(name), /^must /, toPrintable(name));
});

t.test('length is counted in characters, with the bound itself allowed', async (t) => {
  t.equal(checkDisplayName('🚀'.repeat(128)), undefined);
  t.match(checkDisplayName('🚀'.repeat(129)), /at most 128/);
});

t.test('slugs are stricter', async (t) => {
  for (const name of ['default', 'HF_TOKEN', 'a100-1', 'v1.2', 'x', 'a'.repeat(63)]) {
    t.equal(checkSlug(name), undefined, name);
  }
  for (const name of ['', '-a', 'a-', 'a b', 'a/b', '..', 'é', 'prj_x', 'a'.repeat(64), 'a;b']) {
    t.match(checkSlug(name), /^must /, name);
  }
});

t.test('tags and label keys', async (t) => {
  t.equal(checkTag('first run'), undefined);
  for (const tag of ['', 'a,b', ' a', 'a\n']) t.match(checkTag(tag), /^must /, JSON.stringify(tag));
  t.strictSame(toTagSet(['b', 'a', 'b']), ['a', 'b']);
  t.equal(checkLabelKey('example.com/zone'), undefined);
  for (const key of ['', '/a', 'a b', 'a=b']) t.match(checkLabelKey(key), /^must /, key);
});

t.test('shown text holds nothing unprintable, and printable text is left alone', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isPrintable(toPrintable(text))));
  fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => toPrintable(text) === text));
});
