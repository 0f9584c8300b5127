/** Aim: names become what paths can hold, and tags are a bounded set. Method: tables, at the bound and over it. */
import t from 'tap';
import {
  changeTags,
  isMachineTypeName,
  isSecretName,
  sameTexts,
  toSlug,
} from '../../../../controller/core/names.ts';

const SLUGS: readonly (readonly [string, string])[] = [
  ['My Project!', 'my-project'],
  ['  --a__b--  ', 'a-b'],
  ['Büro Nürnberg', 'buro-nurnberg'],
  ['../../etc', 'etc'],
  ['<script>', 'script'],
  ['日本', ''],
  ['x'.repeat(100), 'x'.repeat(63)],
];
for (const [name, want] of SLUGS) t.equal(toSlug(name), want, name);

t.test('names of secrets and machine types', async (t) => {
  t.ok(isSecretName('HF_TOKEN'));
  t.ok(isSecretName('a'.repeat(128)));
  for (const bad of ['', '1A', 'A B', 'A/B', 'a'.repeat(129), 'A\n'])
    t.notOk(isSecretName(bad), JSON.stringify(bad));
  t.ok(isMachineTypeName('8xH100'));
  for (const bad of ['', '-a', 'a b', 'a/b', 'a'.repeat(64)])
    t.notOk(isMachineTypeName(bad), JSON.stringify(bad));
});

t.test('tags', async (t) => {
  t.same(changeTags(['b'], ['a', 'b'], ['c']), { ok: true, tags: ['a', 'b'] });
  t.same(changeTags(['b'], ['a'], ['a', 'b']), { ok: true, tags: [] }, 'removing wins');
  const many = Array.from({ length: 64 }, (_, index) => `t${index}`);
  t.ok(changeTags([], many, []).ok, 'at the bound');
  t.notOk(changeTags(many, ['one-more'], []).ok, 'over it');
  t.notOk(changeTags([], [''], []).ok);
  t.ok(changeTags([], ['x'.repeat(128)], []).ok);
  t.notOk(changeTags([], ['x'.repeat(129)], []).ok);
});

t.test('lists of texts', async (t) => {
  t.ok(sameTexts(['a'], ['a']));
  t.notOk(sameTexts(['a'], ['b']));
  t.notOk(sameTexts(['a'], ['a', 'b']));
});
