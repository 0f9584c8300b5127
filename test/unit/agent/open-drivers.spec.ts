/**
 * Aim: a task's view never shows the secrets beside the agent's token, and still shows what tasks need. Method: token
 * files in folders of each kind.
 */
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { findHiddenFolders } from '../../../agent/open-drivers.ts';

const find = (tokenFile: string, home: string, hiddenFolders: readonly string[] = []) =>
  findHiddenFolders({ root: '/agent', tokenFile, home, hiddenFolders });

t.test('the private folder of the token is hidden, others are not', async (t) => {
  const folder = t.testdir();
  const at = async (name: string, mode: number): Promise<string> => {
    await mkdir(join(folder, name), { mode });
    await writeFile(join(folder, name, 'agent.token'), 'secret', { mode: 0o600 });
    return join(folder, name, 'agent.token');
  };
  const kept = await at('controller', 0o700);
  t.same(await find(kept, '/home'), ['/agent', join(folder, 'controller')]);
  await symlink(join(folder, 'controller'), join(folder, 'link'));
  const linked = join(folder, 'link', 'agent.token');
  t.same(await find(linked, '/home'), ['/agent', join(folder, 'controller')], 'behind a link too');
  t.same(await find(kept, join(folder, 'controller')), ['/agent'], 'a home stays');
  t.same(await find(await at('open', 0o755), '/home'), ['/agent']);
  t.same(await find('/agent.token', '/home'), ['/agent']);
  t.same(await find('', '/home'), ['/agent']);
  t.same(await find(join(folder, 'absent', 'x'), '/home'), ['/agent']);
});

t.test('named folders are hidden, and one that is not there is an error rather than shown', async (t) => {
  const folder = await realpath(t.testdir({ controller: {}, agents: {} }));
  const [controller, agents] = [join(folder, 'controller'), join(folder, 'agents')];
  t.same(await find('', '/home', [controller, agents]), ['/agent', controller, agents]);
  await symlink(controller, join(folder, 'link'));
  t.same(await find('', '/home', [join(folder, 'link')]), ['/agent', controller], 'by its real place');
  for (const path of [join(folder, 'absent'), 'controller', '/', '']) {
    await t.rejects(find('', '/home', [path]), { code: 'HIDDEN_FOLDER_ABSENT' });
  }
});
