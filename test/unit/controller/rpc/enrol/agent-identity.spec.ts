/**
 * Aim: a certificate speaks for one host, while that host has not been revoked, within its time, and only if this
 * cluster's CA made it for a client. Method: certificates of every wrong kind against a small state.
 */
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import {
  makeCertificateRequest,
  makeHostKey,
} from '../../../../../agent/session/enrol/certificate-request.ts';
import type { CertifiedHost } from '../../../../../controller/core/enrol/model.ts';
import { createAgentGate, JOIN_TOKEN_PREFIX } from '../../../../../controller/rpc/enrol/agent-gate.ts';
import { createAgentIdentity } from '../../../../../controller/rpc/enrol/agent-identity.ts';
import {
  issueAgentCertificate,
  readCertificateRequest,
} from '../../../../../controller/rpc/tls/agent-certificate.ts';
import {
  createAuthority,
  createServerCertificate,
  SKEW_MS,
} from '../../../../../controller/rpc/tls/certificate.ts';
import { CERTIFICATE_BACKDATED_MS } from '../../../../../proto/domain/enrol.ts';
import type { PeerConnection } from '../../../../../proto/rpc/peer-connection.ts';
import { sha256Hex } from '../../../../../proto/runtime/sha256.ts';
import { hostId, T0_MS } from '../../../../kit/builders.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';
import { World } from '../../../../kit/stores-world.ts';

const LIFE_MS = 3_600_000;
const GRACE_MS = 60_000;
const HOST: CertifiedHost = { clusterId: 'cluster_1', hostId: hostId('1'), generation: 1 };

async function setUp() {
  const authority = await createAuthority(T0_MS);
  const world = new World();
  const tokenHash = 'a'.repeat(64);
  world.run({ type: 'create-join-token', tokenHash, hostName: '', host: '', ttlMs: LIFE_MS });
  const ask = { tokenHash, keyHash: 'k', hostName: 'one', claimedHostId: HOST.hostId };
  world.run({
    type: 'join-host',
    hostId: HOST.hostId,
    generation: 1,
    ask,
    serial: 's',
    notAfterMs: T0_MS + LIFE_MS,
  });
  const clock = createSimClock({ startMs: T0_MS });
  const peek = <T>(look: (view: World['state']) => T): T => look(world.state);
  const agents = createAgentIdentity({ caPem: authority.certPem, clock, peek, renewGraceMs: GRACE_MS });
  const issue = async (host = HOST, by = authority): Promise<Uint8Array> => {
    const { publicKey } = await readCertificateRequest(makeCertificateRequest(makeHostKey()));
    const made = await issueAgentCertificate({
      authority: by,
      host,
      publicKey,
      nowMs: T0_MS,
      lifetimeMs: LIFE_MS,
    });
    return new X509Certificate(made.certificatePem).raw;
  };
  return { authority, world, clock, agents, issue, peek };
}

t.test(
  'a good certificate is its host, with a serial, for clients, backdated, and about nothing else',
  async (t) => {
    const { agents, issue } = await setUp();
    const der = await issue();
    t.match(agents.identify(der), {
      principal: 'agent:host_1',
      hostId: 'host_1',
      roles: ['agent', 'renewal'],
    });
    const certificate = new X509Certificate(der);
    t.equal(Date.parse(certificate.validFrom), T0_MS - CERTIFICATE_BACKDATED_MS);
    t.equal(Date.parse(certificate.validTo), T0_MS + LIFE_MS);
    t.equal(certificate.ca, false);
    t.match(certificate.serialNumber, /^[0-9A-F]{32}$/);
    t.equal(certificate.subjectAltName, 'URI:nabla://cluster_1/hosts/host_1/1');
  },
);

t.test('a certificate of another CA, kind, cluster, host or generation is refused', async (t) => {
  const { agents, authority, issue } = await setUp();
  const server = await createServerCertificate({ authority, names: ['localhost'], nowMs: T0_MS });
  const refused = (der: Uint8Array) =>
    t.throws(() => agents.identify(der), { code: /^(CERTIFICATE_REFUSED|HOST_REVOKED)$/ } as never);
  refused(await issue(HOST, await createAuthority(T0_MS)));
  refused(new X509Certificate(server.certPem).raw);
  refused(new X509Certificate(authority.certPem).raw);
  refused(Buffer.from('nonsense'));
  for (const other of [{ clusterId: 'cluster_2' }, { hostId: hostId('2') }, { generation: 2 }]) {
    refused(await issue({ ...HOST, ...other }));
  }
});

t.test('time: early by the skew of clocks at most, late for renewal alone, then for nothing', async (t) => {
  const { agents, issue, clock } = await setUp();
  const der = await issue();
  clock.advance(LIFE_MS);
  t.same(agents.identify(der).roles, ['agent', 'renewal'], 'at its last moment');
  clock.advance(1);
  t.same(agents.identify(der).roles, ['renewal']);
  clock.advance(GRACE_MS);
  t.throws(() => agents.identify(der), { code: 'CERTIFICATE_EXPIRED' });
  const early = await setUp();
  const future = await early.issue();
  early.clock.stepWall(-CERTIFICATE_BACKDATED_MS - SKEW_MS);
  t.ok(early.agents.identify(future));
  early.clock.stepWall(-1);
  t.throws(() => early.agents.identify(future), { code: 'CERTIFICATE_NOT_YET_VALID' });
});

t.test('a revocation counts at once, also for a connection that was let in before', async (t) => {
  const { agents, issue, world } = await setUp();
  const der = await issue();
  agents.identify(der);
  world.run({ type: 'revoke-host', host: HOST.hostId, reason: '' });
  t.throws(() => agents.identify(der), { code: 'HOST_REVOKED' });
});

t.test(
  'the gate tells joiners by their token, agents by their connection, and leaves people to others',
  async (t) => {
    const { agents, issue, world, clock, peek } = await setUp();
    const gate = createAgentGate({ agents, peek, clock });
    const certificate = await issue();
    let cuts = 0;
    const closers: (() => void)[] = [];
    const connection: PeerConnection = {
      address: '1.2.3.4',
      certificate,
      prove: () => undefined,
      destroy() {
        cuts += 1;
      },
      onClose: (listener) => void closers.push(listener),
    };
    t.match(gate.identify(undefined, connection), { hostId: 'host_1' });
    t.match(gate.identify(undefined, connection), { hostId: 'host_1' });
    t.equal(gate.connectionCount, 1, 'a connection counts once');
    t.equal(gate.identify('a token of a user', connection), undefined, 'a token is never an agent');
    t.equal(gate.identify(undefined, undefined), undefined);
    const token = `${JOIN_TOKEN_PREFIX}x`;
    t.throws(() => gate.identify(token, undefined), { code: 'JOIN_TOKEN_REFUSED' });
    world.run({
      type: 'create-join-token',
      tokenHash: sha256Hex(token),
      hostName: '',
      host: '',
      ttlMs: 60_000,
    });
    t.same(gate.identify(token, connection)?.roles, ['join']);
    gate.cut(HOST.hostId, 250);
    t.equal(cuts, 0, 'it may be told why');
    clock.advance(250);
    t.equal(cuts, 1);
    for (const close of closers) close();
    t.equal(gate.connectionCount, 0);
  },
);
