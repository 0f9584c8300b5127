/**
 * Aim: a task's view never shows the secrets beside the agent's token, and still shows what tasks need. Method: token
 * files in folders of each kind.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { findHiddenFolders } from '../../../agent/open-drivers.ts';

t.test('the private folder of the token is hidden, others are not', async (t) => {
  const folder = t.testdir();
  const at = async (name: string, mode: number): Promise<string> => {
    await mkdir(join(folder, name), { mode });
    await writeFile(join(folder, name, 'agent.token'), 'secret', { mode: 0o600 });
    return join(folder, name, 'agent.token');
  };
  const kept = await at('controller', 0o700);
  t.same(await findHiddenFolders('/agent', kept, '/home'), ['/agent', join(folder, 'controller')]);
  await symlink(join(folder, 'controller'), join(folder, 'link'));
  const linked = join(folder, 'link', 'agent.token');
  t.same(
    await findHiddenFolders('/agent', linked, '/home'),
    ['/agent', join(folder, 'controller')],
    'behind a link too',
  );
  t.same(await findHiddenFolders('/agent', kept, join(folder, 'controller')), ['/agent'], 'a home stays');
  t.same(await findHiddenFolders('/agent', await at('open', 0o755), '/home'), ['/agent']);
  t.same(await findHiddenFolders('/agent', '/agent.token', '/home'), ['/agent']);
  t.same(await findHiddenFolders('/agent', '', '/home'), ['/agent']);
  t.same(await findHiddenFolders('/agent', join(folder, 'absent', 'x'), '/home'), ['/agent']);
});
