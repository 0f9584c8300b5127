/**
 * Aim: tokens are made once, kept owner-only, and tell the administrator. Method: a real folder.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openTokens } from '../../../../../controller/rpc/auth/tokens.ts';
import { createIdSource } from '../../../../../proto/runtime/id-source.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';

const ids = createIdSource(createSimClock());

t.test('a bearer is told by the token that it shows', async (t) => {
  const folder = t.testdir();
  const tokens = await openTokens(folder, ids);
  const admin = (await readFile(tokens.adminTokenFile, 'utf8')).trim();
  t.same(tokens.identify(admin), { principal: 'user:admin', roles: ['admin'] });
  t.throws(() => tokens.identify(undefined), { code: 'TOKEN_MISSING' });
  for (const wrong of ['', 'x', admin.slice(1), `${admin}x`, admin.toUpperCase()]) {
    t.throws(() => tokens.identify(wrong), { code: 'TOKEN_REFUSED' });
  }
  t.equal((await stat(tokens.adminTokenFile)).mode & 0o777, 0o600);
});

t.test('tokens outlive a restart; a file that holds none is not taken for one', async (t) => {
  const folder = t.testdir();
  const { adminTokenFile } = await openTokens(folder, ids);
  const kept = await readFile(adminTokenFile, 'utf8');
  await openTokens(folder, ids);
  t.equal(await readFile(adminTokenFile, 'utf8'), kept);
  for (const content of ['', 'short', `${'x'.repeat(20)} ${'y'.repeat(20)}`]) {
    await writeFile(join(folder, 'admin.token'), content);
    await t.rejects(openTokens(folder, ids), { code: 'TOKEN_FILE_INVALID' });
  }
});
