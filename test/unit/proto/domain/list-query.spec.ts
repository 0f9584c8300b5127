/**
 * Aim: filters, order and pages of lists are exact and total. Method: a table of options over few records, and a
 * property that pages joined are the whole list in order.
 */
import fc from 'fast-check';
import t from 'tap';
import { type ListOptions, type ListSource, queryList } from '../../../../proto/domain/list-query.ts';
import { JOB_LIST } from '../../../../proto/domain/record-list.ts';
import { aJob, aJobSpec, jobId } from '../../../kit/builders.ts';
import { caught } from '../../../kit/caught.ts';

interface Row {
  readonly id: string;
  readonly n: number | null;
  readonly word: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const row = (id: string, n: number | null, word = 'x', tags: string[] = [], labels = {}): Row => ({
  id,
  n,
  word,
  tags,
  labels,
});
const ROWS = [
  row('a', 3, 'b', ['red'], { 'example.com/zone': 'lab' }),
  row('b', 1, 'a', ['red', 'blue']),
  row('c', null, 'b'),
  row('d', 10, 'a', ['blue']),
];

const source = (records: readonly Row[] = ROWS): ListSource<Row> => ({
  records,
  idOf: (record) => record.id,
  jsonOf: (record) => ({ ...record }),
  paths: ['id', 'n', 'word', 'tags', 'labels.*'],
  defaultSort: 'id',
});

const CASES: readonly (readonly [name: string, options: ListOptions, ids: string])[] = [
  ['everything in the default order', {}, 'abcd'],
  ['by number, absent first', { sort: 'n' }, 'cbad'],
  ['by number downwards, absent last', { sort: '-n' }, 'dabc'],
  ['ties fall back to the id', { sort: 'word' }, 'bdac'],
  ['ties fall back to the id downwards', { sort: '-word' }, 'cadb'],
  ['equal', { filters: ['word=a'] }, 'bd'],
  ['not equal', { filters: ['word!=a'] }, 'ac'],
  ['both must hold', { filters: ['word=a', 'n=1'] }, 'b'],
  ['a member of a list', { filters: ['tags=blue'] }, 'bd'],
  ['not a member of a list', { filters: ['tags!=blue'] }, 'ac'],
  ['a label with dots', { filters: ['labels.example.com/zone=lab'] }, 'a'],
  ['absent is the empty text', { filters: ['n='] }, 'c'],
  ['a value with an equals sign', { filters: ['word=a=b'] }, ''],
  ['only some', { limit: 2 }, 'ab'],
];

for (const [name, options, ids] of CASES) {
  t.test(name, async (t) => {
    const page = queryList(source(), options);
    t.equal(page.records.map((record) => record.id).join(''), ids);
  });
}

const REFUSED: readonly (readonly [name: string, options: ListOptions, field: string])[] = [
  ['an unknown path', { filters: ['nope=1'] }, 'options.filters'],
  ['an unknown sort', { sort: 'nope' }, 'options.sort'],
  ['a prototype path', { filters: ['__proto__=x'] }, 'options.filters'],
  ['a filter without equals', { filters: ['word'] }, 'options.filters'],
  ['too many filters', { filters: Array.from({ length: 17 }, () => 'word=a') }, 'options.filters'],
  ['a limit above the bound', { limit: 1001 }, 'options.limit'],
  ['a fraction', { limit: 1.5 }, 'options.limit'],
  ['a token of nobody', { pageToken: 'zzz' }, 'options.pageToken'],
  ['a token of another order', { pageToken: encodeURIComponent('["-n","a",3]') }, 'options.pageToken'],
  ['a giant token', { pageToken: 'x'.repeat(100_000) }, 'options.pageToken'],
];

for (const [name, options, path] of REFUSED) {
  t.test(`${name} is refused`, async (t) => {
    t.match(
      caught(() => queryList(source(), options)),
      { kind: 'invalid', fields: [{ path }] },
    );
  });
}

t.test('the refusal of a path names the known ones', async (t) => {
  t.match(caught(() => queryList(source(), { sort: 'nope' })).hint, /id, n, word, tags, labels\.\*/);
});

t.test('pages joined are the whole list, whatever the order and size', async () => {
  const records = fc.uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 4 }),
      n: fc.option(fc.nat(3)),
      word: fc.constantFrom('a', 'b'),
    }),
    { selector: (record) => record.id, maxLength: 40 },
  );
  const sorts = fc.constantFrom('id', '-id', 'n', '-n', 'word', '-word');
  fc.assert(
    fc.property(records, sorts, fc.integer({ min: 1, max: 7 }), (made, sort, limit) => {
      const all = source(made.map((record) => ({ ...row(record.id, record.n, record.word) })));
      const whole = queryList(all, { sort, limit: 1000 }).records.map((record) => record.id);
      const joined: string[] = [];
      let pageToken = '';
      do {
        const page = queryList(all, { sort, limit, pageToken });
        joined.push(...page.records.map((record) => record.id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '' && joined.length <= made.length);
      return JSON.stringify(joined) === JSON.stringify(whole);
    }),
  );
});

t.test('a page goes on although its last record is gone', async (t) => {
  const first = queryList(source(), { limit: 2 });
  const rest = queryList(source(ROWS.filter((record) => record.id !== 'b')), {
    limit: 2,
    pageToken: first.nextPageToken,
  });
  t.equal(rest.records.map((record) => record.id).join(''), 'cd');
});

t.test('the short way of the default order agrees with the long one', async (t) => {
  const jobs = [5, 3, 9].map((createdAtMs) =>
    aJob({ id: jobId(createdAtMs), createdAtMs: createdAtMs * 1000, spec: aJobSpec({ tags: ['x'] }) }),
  );
  const ids = (options: ListOptions) =>
    queryList({ ...JOB_LIST, records: jobs }, options).records.map((job) => job.id);
  t.strictSame(ids({}), ['job_9', 'job_5', 'job_3']);
  t.strictSame(ids({ filters: ['tags=x'] }), ids({}));
  t.strictSame(ids({ sort: 'createdAt' }), ['job_3', 'job_5', 'job_9']);
});

t.test('values taken without making JSON are those of the JSON form', async (t) => {
  const jobs = [3, 5, 9].map((n) =>
    aJob({
      id: jobId(n),
      createdAtMs: n,
      spec: aJobSpec({ name: n > 4 ? 'late' : '', tags: n > 5 ? ['x'] : [] }),
    }),
  );
  for (const job of jobs) {
    const json = JOB_LIST.jsonOf(job);
    for (const [path, cheapOf] of Object.entries(JOB_LIST.cheapValues ?? {}))
      t.equal(cheapOf(job), json[path], path);
  }
  const ids = (filters: readonly string[]) =>
    queryList({ ...JOB_LIST, records: jobs }, { filters }).records.map((job) => job.id);
  t.strictSame(ids(['name=late']), ['job_9', 'job_5']);
  t.strictSame(ids(['name=late', 'tags!=x']), ['job_5']);
  t.strictSame(ids(['name=']), ['job_3']);
});
