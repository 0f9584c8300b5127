/** Aim: ranges of arrays and references to earlier jobs are read as people write them. Method: tables. */
import t from 'tap';
import {
  checkArrayRange,
  parseAfter,
  parseArrayRange,
  toIndices,
} from '../../../../proto/domain/job-array.ts';

for (const [text, indices, concurrency] of [
  ['0-3', [0, 1, 2, 3], 0],
  ['5', [5], 0],
  ['0-10:5%2', [0, 5, 10], 2],
  ['1-4:2', [1, 3], 0],
  ['7-7%1', [7], 1],
] as const) {
  t.test(`${text} is ${indices.join(', ')}`, async (t) => {
    const parsed = parseArrayRange(text);
    t.ok(parsed.ok);
    if (!parsed.ok) return;
    t.same(toIndices(parsed.value), indices);
    t.equal(parsed.value.concurrency, concurrency);
  });
}

for (const text of [
  '',
  '3-1',
  '-1',
  '0-',
  '0-9%0',
  '0-9:0',
  '0-1000',
  '1000001',
  '0-9%x',
  '0-99999999999',
  '1.5',
  'a',
]) {
  t.test(`"${text}" is refused`, async (t) => {
    t.notOk(parseArrayRange(text).ok);
  });
}

t.test('a range that arrives as numbers is checked the same', async (t) => {
  const range = { first: 0, last: 999, step: 1, concurrency: 0 };
  t.equal(checkArrayRange(range), undefined);
  for (const part of [
    { last: 1000 },
    { first: -1 },
    { step: 0 },
    { concurrency: -1 },
    { last: Number.NaN },
  ]) {
    t.type(checkArrayRange({ ...range, ...part }), 'string');
  }
});

for (const [text, on, when] of [
  ['job_1', 'job_1', 'ok'],
  ['job_1:ok', 'job_1', 'ok'],
  ['job_1:any', 'job_1', 'any'],
  ['a:b', 'a:b', 'ok'],
  ['a:b:any', 'a:b', 'any'],
  ['any', 'any', 'ok'],
] as const) {
  t.test(`${text} comes after ${on}, ${when}`, async (t) => {
    t.same(parseAfter(text), { ok: true, value: { on, when } });
  });
}

t.test('a reference to nothing is refused', async (t) => {
  for (const text of ['', ':any', ' :ok', 'x'.repeat(129)]) t.notOk(parseAfter(text).ok, text.slice(0, 8));
});
