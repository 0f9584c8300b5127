/**
 * Aim: the CLI talks to the controller that the user means, says where it looked, and keeps tokens to the user.
 * Method: configuration folders of the test's own; addresses are only resolved, never dialled.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { toConnectionError } from '../../../../cli/client/connection-error.ts';
import { createProfileStore } from '../../../../cli/client/profile-store.ts';
import { parseAddress, resolveTarget } from '../../../../cli/client/resolve-target.ts';
import { toExitCode } from '../../../../cli/command/run-command-line.ts';
import { ClusterError, ERROR_KINDS } from '../../../../proto/errors/cluster-error.ts';
import { runCli } from '../cli-kit.ts';

function setup(t: { teardown(fn: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-profiles-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const profiles = createProfileStore(join(folder, 'nabla', 'profiles.json'));
  const warnings: string[] = [];
  const resolve = (flags: Partial<Record<'profile' | 'url' | 'token' | 'caFile', string>> = {}) =>
    resolveTarget({
      profile: undefined,
      url: undefined,
      token: undefined,
      caFile: undefined,
      ...flags,
      variables: { NABLA_DATA: join(folder, 'data') },
      profiles,
      warn: (text) => warnings.push(text),
    });
  return { folder, profiles, resolve, warnings };
}

t.test('an address is read in every form and refused by reason', async (t) => {
  t.equal(parseAddress('https://gpu.example.com:7350'), 'gpu.example.com:7350');
  t.equal(parseAddress('gpu.example.com'), 'gpu.example.com:7350');
  t.equal(parseAddress('10.0.0.1:9000'), '10.0.0.1:9000');
  t.equal(parseAddress('https://[::1]:443/'), '[::1]:443');
  for (const url of ['http://x', 'https://u:p@x', 'https://x/path', 'https://', 'ftp://x', 'a b']) {
    t.throws(() => parseAddress(url), { code: 'URL_INVALID' }, url);
  }
});

t.test('flags win over profiles, profiles over the local data folder', async (t) => {
  const { folder, profiles, resolve, warnings } = setup(t);
  await t.rejects(resolve(), {
    code: 'NO_CONTROLLER',
    kind: 'unavailable',
    details: { lookedAt: /profiles\.json.*addresses\.json/ },
  });

  const controller = join(folder, 'data', 'controller');
  mkdirSync(controller, { recursive: true });
  writeFileSync(join(controller, 'ca.pem'), 'CA');
  writeFileSync(join(controller, 'admin.token'), 'secret\n');
  const addresses = { grpc: '127.0.0.1:1', http: '127.0.0.1:2', caFile: join(controller, 'ca.pem'), pid: 1 };
  writeFileSync(join(controller, 'addresses.json'), JSON.stringify(addresses));
  t.match(await resolve(), { grpcAddress: '127.0.0.1:1', token: 'secret', caPem: 'CA' });

  await profiles.write({
    current: 'a',
    profiles: { a: { url: 'https://a:1', token: 'ta' }, b: { url: 'https://b:2', token: 'tb', ca: 'X' } },
  });
  t.match(await resolve(), { grpcAddress: 'a:1', token: 'ta', foundBy: 'profile a' });
  t.match(await resolve({ profile: 'b' }), { grpcAddress: 'b:2', token: 'tb', caPem: 'X' });
  t.match(await resolve({ profile: 'b', token: 'mine' }), { token: 'mine' });
  t.match(await resolve({ url: 'https://c:3', token: 'tc' }), { grpcAddress: 'c:3', token: 'tc' });
  await t.rejects(resolve({ url: 'https://c:3' }), { code: 'TOKEN_MISSING', kind: 'unauthenticated' });
  await t.rejects(resolve({ profile: 'z' }), { code: 'PROFILE_NOT_FOUND', hint: 'known profiles: a, b' });
  await t.rejects(resolve({ url: 'https://c', token: 't', caFile: join(folder, 'none') }), {
    code: 'FILE_NOT_FOUND',
  });
  t.same(warnings, []);
  chmodSync(profiles.path, 0o644);
  await resolve();
  t.match(warnings, [/others may read/]);
});

t.test('profiles are kept to their owner, and a broken file is named', async (t) => {
  const { profiles } = setup(t);
  t.same(await profiles.read(), { profiles: {} });
  await profiles.write({ current: 'a', profiles: { a: { url: 'https://a', token: 's' } } });
  t.equal(statSync(profiles.path).mode & 0o777, 0o600);
  t.equal(statSync(join(profiles.path, '..')).mode & 0o777, 0o700);
  t.match(await profiles.read(), { current: 'a', profiles: { a: { token: 's' } } });
  writeFileSync(profiles.path, '{"profiles":{"a":{}}}');
  await t.rejects(profiles.read(), { code: 'PROFILE_FILE_INVALID', details: { path: profiles.path } });
});

t.test('logout removes the token', async (t) => {
  const { folder, profiles } = setup(t);
  await profiles.write({ current: 'a', profiles: { a: { url: 'https://a', token: 'sesame' } } });
  const run = await runCli(['logout'], { variables: { XDG_CONFIG_HOME: folder } });
  t.equal(run.code, 0);
  t.notMatch(readFileSync(profiles.path, 'utf8'), /sesame/);
  t.equal(
    (await runCli(['logout'], { variables: { XDG_CONFIG_HOME: folder } })).code,
    0,
    'twice is no failure',
  );
  t.equal((await runCli(['logout', '--profile', 'x'], { variables: { XDG_CONFIG_HOME: folder } })).code, 4);
});

t.test(
  'every kind of error has its exit code, and 125 stands for our own failures beside a job',
  async (t) => {
    const plain = Object.fromEntries(ERROR_KINDS.map((kind) => [kind, toExitCode(kind, false)]));
    t.same(plain, {
      invalid: 2,
      'not-found': 4,
      exists: 5,
      precondition: 6,
      conflict: 7,
      gone: 7,
      quota: 8,
      unavailable: 9,
      deadline: 9,
      cancelled: 130,
      unauthenticated: 3,
      forbidden: 3,
      unsupported: 10,
      corrupt: 70,
      bug: 70,
    });
    const own = ERROR_KINDS.filter((kind) => toExitCode(kind, true) === 125);
    t.same(own, ['conflict', 'gone', 'unavailable', 'deadline', 'corrupt', 'bug']);
  },
);

t.test('no controller: the message says where it looked, and run ends with 125', async (t) => {
  const list = await runCli(['jobs', 'list']);
  t.equal(list.code, 9);
  t.match(list.stderr, /no controller is known.*NABLA_URL.*addresses\.json/);
  t.equal((await runCli(['jobs', 'run', '--', 'true'])).code, 125);
  const refused = await runCli(['jobs', 'list'], {
    variables: { NABLA_URL: 'https://127.0.0.1:1', NABLA_TOKEN: 'x' },
  });
  t.equal(refused.code, 9);
  t.match(refused.stderr, /lookedAt: 127\.0\.0\.1:1, chosenBy: --url or NABLA_URL/);
});

t.test(
  "what the controller says of itself keeps its own hint; only a connection's failure is told with its place",
  async (t) => {
    const told = { where: '127.0.0.1:1', foundBy: '--url' };
    const full = new ClusterError('unavailable', 'DISK_FULL', 'the disk is full', {
      hint: 'free some space',
    });
    t.equal(toConnectionError(full, told), full);
    const lost = new ClusterError('unavailable', 'SERVER_UNREACHABLE', 'cannot be reached', { hint: 'x' });
    t.match(toConnectionError(lost, told), { details: { lookedAt: '127.0.0.1:1' }, hint: /--url/ });
    const tls = new ClusterError('unavailable', 'TLS_REFUSED', 'not trusted', { hint: 'log in again' });
    t.match(toConnectionError(tls, told), { details: { chosenBy: '--url' }, hint: 'log in again' });
  },
);
