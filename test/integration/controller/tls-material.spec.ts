/**
 * Aim: certificates are made once, renewed in time, and never half-made or readable by others. Method: real files in a
 * temporary folder under a simulated clock, read back by Node's own X.509.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import {
  AUTHORITY_FILE,
  CA_FILE,
  ensureTlsMaterial,
  RENEW_BEFORE_MS,
  SERVER_FILE,
  type TlsMaterial,
} from '../../../controller/rpc/tls/tls-material.ts';
import { caughtAsync } from '../../kit/caught.ts';
import { createSimClock } from '../../kit/sim-clock.ts';

const DAY_MS = 86_400_000;

async function open(t: { teardown(close: () => unknown): void }) {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-tls-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const clock = createSimClock({ startMs: Date.now() });
  const ensure = (names: readonly string[] = []): Promise<TlsMaterial> =>
    ensureTlsMaterial({ folder, names, clock, hostName: 'ctl-1' });
  return { folder, clock, ensure };
}

t.test('a new cluster gets a CA and a certificate for itself', async (t) => {
  const { folder, ensure } = await open(t);
  const made = await ensure(['gpu.example.com', '192.0.2.7', '[2001:db8::1]']);
  t.equal(made.renewed, 'authority');
  const ca = new X509Certificate(made.caPem);
  const server = new X509Certificate(made.certPem);
  t.ok(ca.ca);
  t.notOk(server.ca);
  t.ok(server.checkIssued(ca) && server.verify(ca.publicKey) && ca.verify(ca.publicKey));
  for (const name of ['localhost', 'ctl-1', 'gpu.example.com']) t.ok(server.checkHost(name), name);
  for (const ip of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::1']) t.ok(server.checkIP(ip), ip);
  t.notOk(server.checkHost('other.example.com'));
  t.equal(ca.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.match(server.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  const years = (certificate: X509Certificate) =>
    (Date.parse(certificate.validTo) - Date.now()) / (365 * DAY_MS);
  t.ok(Math.abs(years(ca) - 10) < 0.1 && Math.abs(years(server) - 1) < 0.1);
  for (const file of [AUTHORITY_FILE, CA_FILE, SERVER_FILE]) {
    t.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file);
  }
  t.notMatch(await readFile(join(folder, CA_FILE), 'utf8'), /PRIVATE/);
});

t.test('the next start finds them as they are', async (t) => {
  const { ensure } = await open(t);
  const first = await ensure();
  const second = await ensure();
  t.strictSame({ ...second, renewed: '' }, { ...first, renewed: '' });
  t.equal(second.renewed, 'none');
});

t.test('the server certificate is renewed before it ends, by the same CA', async (t) => {
  const { clock, ensure } = await open(t);
  const first = await ensure();
  clock.advance(365 * DAY_MS - RENEW_BEFORE_MS - DAY_MS);
  t.equal((await ensure()).renewed, 'none');
  clock.advance(2 * DAY_MS);
  const second = await ensure();
  t.equal(second.renewed, 'server');
  t.equal(second.caPem, first.caPem);
  t.not(second.keyPem, first.keyPem);
});

t.test('the CA is renewed before it ends, with the server certificate', async (t) => {
  const { clock, ensure } = await open(t);
  const first = await ensure();
  clock.advance(3650 * DAY_MS - DAY_MS);
  const second = await ensure();
  t.equal(second.renewed, 'authority');
  t.not(second.caPem, first.caPem);
  t.ok(new X509Certificate(second.certPem).checkIssued(new X509Certificate(second.caPem)));
});

t.test('a new name makes a new certificate, a lost or damaged one too', async (t) => {
  const { folder, ensure } = await open(t);
  await ensure();
  t.equal((await ensure(['new.example.com'])).renewed, 'server');
  t.equal((await ensure(['new.example.com'])).renewed, 'none');
  await writeFile(join(folder, SERVER_FILE), 'damaged');
  t.equal((await ensure()).renewed, 'server');
  await rm(join(folder, CA_FILE));
  t.equal((await ensure()).renewed, 'none');
  t.match(await readFile(join(folder, CA_FILE), 'utf8'), /BEGIN CERTIFICATE/);
});

t.test('a certificate of another CA is replaced', async (t) => {
  const one = await open(t);
  const other = await open(t);
  await one.ensure();
  await other.ensure();
  await writeFile(join(one.folder, SERVER_FILE), await readFile(join(other.folder, SERVER_FILE)));
  t.equal((await one.ensure()).renewed, 'server');
});

t.test('a damaged CA is never replaced by itself', async (t) => {
  const { folder, ensure } = await open(t);
  await ensure();
  const path = join(folder, AUTHORITY_FILE);
  const whole = await readFile(path, 'utf8');
  for (const damage of [
    '',
    'x',
    whole.slice(0, 200),
    whole.replace(/PRIVATE KEY-----\n..../, 'PRIVATE KEY-----\nAAAA'),
  ]) {
    await writeFile(path, damage);
    t.match(await caughtAsync(() => ensure()), { kind: 'corrupt', code: 'TLS_AUTHORITY_DAMAGED' });
    t.equal(await readFile(path, 'utf8'), damage);
  }
});

t.test('names that are none are refused', async (t) => {
  const { ensure } = await open(t);
  for (const name of ['a b', 'http://x', '', '-x', 'x'.repeat(300)]) {
    t.match(await caughtAsync(() => ensure([name])), { kind: 'invalid', code: 'TLS_NAMES_INVALID' });
  }
});
