/**
 * Aim: users, tokens, members and roles work by the command line as the guide says, values are shown once, nothing
 * is written by the use of a token, and everything is there after a restart. Method: the command line against a whole
 * controller.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';
import { identityClients, makeUser } from '../kit/users.ts';
import { type CliRun, runCli } from '../unit/cli/cli-kit.ts';

function cliOf(nabla: RunningController, token: string): (...argv: string[]) => Promise<CliRun> {
  const variables = {
    NABLA_URL: nabla.target.grpcAddress,
    NABLA_TOKEN: token,
    NABLA_CA_FILE: nabla.controller.caFile,
  };
  return (...argv) => runCli(argv, { variables });
}

t.test('from nothing to a user who works in a project', async (t) => {
  const nabla = await runController(t, { durable: true });
  const root = cliOf(nabla, nabla.adminToken);
  t.match(await root('users', 'create', 'ann'), { code: 0, stdout: /ann/ });
  t.match(await root('users', 'create', 'ann'), { code: 5, stderr: /that user name is taken/ });
  const made = await root('tokens', 'create', 'laptop', '--user', 'ann', '--expires-in', '90d');
  const token = made.stdout.trim();
  t.match(made, { code: 0, stdout: /^[\w-]{43}\n$/, stderr: /not shown again/ });
  t.notOk(made.stderr.includes(token), 'on stdout alone');
  const ann = cliOf(nabla, token);
  t.match(await ann('whoami', '-o', 'json'), { code: 0, stdout: /"principal": "user:ann"/ });
  t.match(await ann('jobs', 'list', '-o', 'json'), { code: 0, stdout: '[]\n' });
  t.match(await ann('jobs', 'create', '--command', 'true'), { code: 2, stderr: /no project was named/ });
  t.match(await ann('jobs', 'list', '--project', 'default'), { code: 4, stderr: /no such project/ });
  t.match(await ann('users', 'list'), { code: 3, stderr: /takes an administrator/ });
  t.match(await ann('projects', 'create', 'vision'), { code: 0 });
  t.match(await ann('projects', 'members', 'list', 'vision', '-o', 'json'), { stdout: /"role": "owner"/ });
  t.match(await ann('whoami'), { stdout: /vision \(owner\)/ });
  const unnamed = ['jobs', 'create', '--wait-for-hosts', '--command', 'true', '-o', 'id'];
  const first = (await ann(...unnamed)).stdout.trim();
  t.match(
    await ann('jobs', 'show', first, '--project', 'vision'),
    { code: 0 },
    'one’s only project is meant',
  );
  const created = await ann(
    'jobs',
    'create',
    '--project',
    'vision',
    '--wait-for-hosts',
    '--command',
    'true',
    '-o',
    'json',
  );
  t.match(created, { code: 0, stdout: /"createdBy": "user:ann"/ });

  t.match(await root('users', 'create', 'bob', '--role', 'operator', '-o', 'json'), {
    stdout: /"role": "operator"/,
  });
  t.match(await ann('projects', 'members', 'add', 'vision', 'bob', '--role', 'viewer'), { code: 0 });
  t.match(await ann('projects', 'members', 'add', 'vision', 'nobody'), { code: 4, stderr: /no such user/ });
  t.match(await ann('projects', 'members', 'remove', 'vision', 'bob'), { code: 0 });

  const own = await ann('tokens', 'create', 'ci', '-o', 'json');
  t.match(
    JSON.parse(own.stdout),
    { name: 'ci', userName: 'ann', expiresAt: /^20/, value: /^[\w-]{43}$/ },
    'no longer than the token that made it',
  );
  t.match(await ann('tokens', 'create', 'ever', '--expires-in', '91d'), { code: 6, stderr: /outlives/ });
  t.match(await root('tokens', 'create', 'long', '--user', 'ann'), { code: 0 });
  t.match(await root('tokens', 'revoke', 'long'), { code: 0 });
  t.match(await ann('tokens', 'create', 'x', '--user', 'bob'), { code: 3 });
  t.match(await ann('tokens', 'list', '-o', 'id'), { stdout: /^tok_\w+\ntok_\w+\n$/ });
  t.match(await ann('tokens', 'revoke', 'ci'), { code: 0 });
  t.match(await root('tokens', 'create', 'x'), { code: 6, stderr: /built-in administrator/ });
  t.match(await root('users', 'revoke', 'ann'), { code: 0 });
  t.match(await ann('whoami'), { code: 3, stderr: /token was refused/ });
  t.match(await root('users', 'show', 'ann', '-o', 'json'), { stdout: /"state": "revoked"/ });
});

t.test('members leave by themselves and remove nobody else', async (t) => {
  const nabla = await runController(t);
  const root = cliOf(nabla, nabla.adminToken);
  const [ann, bob, eve] = await Promise.all(
    ['ann', 'bob', 'eve'].map(async (name) => cliOf(nabla, (await makeUser(nabla, name)).token)),
  );
  t.match(await root('projects', 'create', 'vision'), { code: 0 });
  for (const name of ['ann', 'bob']) {
    t.match(await root('projects', 'members', 'add', 'vision', name, '--role', 'viewer'), { code: 0 });
  }
  const remove = ['projects', 'members', 'remove', 'vision'] as const;
  t.match(await ann?.(...remove, 'bob'), { code: 3, stderr: /takes the role owner/ });
  t.match(await ann?.(...remove, 'nobody'), { code: 3 }, 'nor is it told who there is');
  t.match(await eve?.(...remove, 'eve'), { code: 4, stderr: /no such project/ });
  t.match(await ann?.(...remove, 'ann'), { code: 0 });
  t.match(await ann?.('projects', 'show', 'vision'), { code: 4 });
  t.match(await bob?.('projects', 'show', 'vision'), { code: 0 });
  t.match(await eve?.('projects', 'create', 'audio'), { code: 0 });
  const leave = ['projects', 'members', 'remove', 'audio', 'eve'] as const;
  t.match(await eve?.(...leave), { code: 6, stderr: /without an owner.*administrator/s });
  t.match(await root(...leave), { code: 0 }, 'an administrator may');
});

t.test('login stores a token that was checked', async (t) => {
  const nabla = await runController(t);
  const ann = await makeUser(nabla, 'ann');
  const { grpcAddress, caFile } = nabla.controller;
  const url = `https://${grpcAddress}`;
  const login = await runCli(['login', url, '--token', '-', '--ca-file', caFile], {
    stdin: `${ann.token}\n`,
  });
  t.match(login, { code: 0, stderr: /logged in to .* as user:ann/ });
  t.notOk((login.stdout + login.stderr).includes(ann.token));
  const wrong = await runCli(['login', url, '--token', '-', '--ca-file', caFile], { stdin: 'nonsense\n' });
  t.match(wrong, { code: 3, stderr: /token was refused/ });
  const shown = await runCli(['whoami', '--url', url, '--ca-file', caFile, '--token', ann.token]);
  t.match(shown, { code: 0, stderr: /process list/ });
});

t.test('the use of a token writes nothing; what is kept holds no token', async (t) => {
  const nabla = await runController(t, { durable: true });
  const ann = await makeUser(nabla, 'ann');
  const head = (): Promise<number> => nabla.controller.engine.read((view) => view.headSeq);
  const before = await head();
  for (let count = 0; count < 50; count += 1) await ann.identity.whoAmI({});
  await t.rejects(nabla.clientsWith('wrong').identity.whoAmI({}), { code: 'TOKEN_REFUSED' });
  t.equal(await head(), before);
  const log = await readFile(join(nabla.folder, 'controller', 'log', '000003.log'));
  t.ok(log.includes('token-created'));
  t.notOk(log.includes(ann.token));
});

t.test('users, tokens and members outlive a restart; the check agrees', async (t) => {
  const first = await runController(t, { durable: true });
  const ann = await makeUser(first, 'ann');
  const bob = await makeUser(first, 'bob');
  await ann.projects.createProject({ name: 'lab' });
  await identityClients(first).users.revokeUser({ user: 'bob' });
  const nabla = await first.restart();
  const again = nabla.clientsWith(ann.token);
  t.match(await again.identity.whoAmI({}), { principal: 'user:ann', memberships: [{ projectName: 'lab' }] });
  await t.rejects(nabla.clientsWith(bob.token).identity.whoAmI({}), { code: 'TOKEN_REFUSED' });
  t.match(await nabla.controller.engine.maintenance.fsck(), { ok: true, findings: [] });
});

t.test('wrong tokens from one address are answered ever shorter, right ones always', async (t) => {
  const nabla = await runController(t);
  const stranger = nabla.clientsWith('x'.repeat(43));
  const codes = new Set<string>();
  for (let count = 0; count < 2_000 && codes.size < 2; count += 50) {
    const calls = Array.from({ length: 50 }, () =>
      stranger.identity.whoAmI({}).catch((error: unknown) => {
        codes.add(isClusterError(error) ? error.code : String(error));
      }),
    );
    await Promise.all(calls);
  }
  t.same([...codes], ['TOKEN_REFUSED', 'TOO_MANY_ATTEMPTS']);
  t.equal((await nabla.identity.whoAmI({})).principal, 'user:admin');
});
