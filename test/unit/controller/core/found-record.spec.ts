/**
 * Aim: a reference gives its record, or an error that names the noun and helps. Method: the three answers of a lookup.
 */
import t from 'tap';
import { found } from '../../../../controller/core/found-record.ts';

const reference = { ref: 'x', noun: 'machine type', list: 'machine-types list' };

t.test('a record is given as it is', async (t) => {
  t.equal(found({ found: true, record: 7 }, reference), 7);
});

t.test('an absent one is not found, with where to look', async (t) => {
  t.throws(() => found({ found: false, why: 'absent', matches: [] }, reference), {
    kind: 'not-found',
    code: 'MACHINE_TYPE_NOT_FOUND',
    message: 'there is no such machine type',
    hint: 'list them with nabla machine-types list',
    details: { ref: 'x' },
  });
});

t.test('an ambiguous one names what it could mean', async (t) => {
  t.throws(() => found({ found: false, why: 'ambiguous', matches: ['xa', 'xb'] }, reference), {
    kind: 'invalid',
    code: 'MACHINE_TYPE_AMBIGUOUS',
    hint: 'write more of the id: xa, xb',
  });
});
