/**
 * Aim: one form of a host's id for all who read one. Method: ids as they are minted, and what is near to them.
 */
import t from 'tap';
import { isHostId } from '../../../../proto/domain/ids.ts';

t.test('a host id is its prefix and up to 40 digits and small letters', async (t) => {
  for (const good of ['host_1', `host_${'z9'.repeat(20)}`]) t.ok(isHostId(good), good);
  const bad = ['', 'host_', 'host_a_b', 'host_A', 'job_1', ' host_1', 'host_1\n', `host_${'a'.repeat(41)}`];
  for (const text of bad) t.notOk(isHostId(text), JSON.stringify(text));
});
