/**
 * EnrolService: join tokens, joining, renewal. A certificate is signed before the commit and handed out after it, so
 * that none is in the world of which the log does not know.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { type HostId, isHostId } from '../../../proto/domain/ids.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { EnrolService } from '../../../proto/gen/nabla/v1/enrol_pb.ts';
import type { Clock, IdSource, Logger } from '../../../proto/ports/index.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import { fromInt64 } from '../../../proto/wire/scalar-wire.ts';
import type { Engine } from '../../core/engine.ts';
import { planJoin } from '../../core/enrol/decide-join.ts';
import { issueAgentCertificate, readCertificateRequest } from '../tls/agent-certificate.ts';
import type { PemPair } from '../tls/certificate.ts';
import { JOIN_TOKEN_PREFIX } from './agent-gate.ts';
import type { AgentCaller } from './agent-identity.ts';
import { certificateInvalid } from './enrol-error.ts';

export const JOIN_TOKEN_TTL_MS = 30 * 60_000;
/** Largest request of this service. */
export const ENROL_BYTES_MAX = 16 * 1024;
const HOST_NAME_CHARACTERS_MAX = 253;

export interface EnrolServicePorts {
  readonly engine: Engine;
  readonly authority: PemPair;
  /** Of new certificates. */
  readonly lifetimeMs: number;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

export function createEnrolService(ports: EnrolServicePorts): ServiceHandlers<typeof EnrolService> {
  const { engine, authority, clock, ids } = ports;
  const caPem = authority.certPem;
  const caSha256 = createHash('sha256').update(new X509Certificate(caPem).raw).digest('hex');
  return {
    async createJoinToken({ ttlMs, hostName, host }, context) {
      const token = JOIN_TOKEN_PREFIX + ids.token();
      const ttl = ttlMs === 0n ? JOIN_TOKEN_TTL_MS : fromInt64(ttlMs, 'ttlMs');
      const nowMs = clock.nowMs();
      await engine.submit(
        {
          type: 'create-join-token',
          tokenHash: sha256Hex(token),
          hostName: requireName(hostName),
          host: host.slice(0, HOST_NAME_CHARACTERS_MAX),
          ttlMs: ttl,
        },
        { principal: context.caller.principal, nowMs },
      );
      return { token, expiresAtMs: BigInt(nowMs + ttl), caSha256 };
    },
    join: async (request, context) => join(ports, request, context),
    async renewCertificate({ certificateRequest }, context) {
      const { certified, serial: shown } = context.caller as Partial<AgentCaller>;
      if (certified === undefined) throw certificateInvalid('it names no host');
      const { publicKey } = await readCertificateRequest(certificateRequest);
      const issued = await issueAgentCertificate({
        ...ports,
        host: certified,
        publicKey,
        nowMs: clock.nowMs(),
      });
      const { hostId, generation } = certified;
      const { serial, notAfterMs, certificatePem } = issued;
      const newest = await engine.read((view) => view.hostIdentity(hostId)?.serial);
      await engine.submit(
        { type: 'renew-certificate', hostId, generation, serial, notAfterMs },
        { principal: context.caller.principal, nowMs: clock.nowMs() },
      );
      ports.logger.info('a certificate was renewed', { hostId, serial });
      if (newest !== shown) await noteForked(ports, hostId, context);
      return { certificatePem, caPem };
    },
  };
}

/**
 * Another certificate than the newest was renewed: an answer was lost, or somebody has a copy. Refusing would lock out
 * hosts that lost an answer; but a copy that is renewed and never opens a session must be seen by somebody.
 */
async function noteForked(
  { engine, clock, logger }: EnrolServicePorts,
  hostId: HostId,
  { caller }: CallContext,
): Promise<void> {
  logger.warn('an older certificate of a host was renewed: is it copied?', { hostId });
  const command = { type: 'note-contested', hostId, bootId: '' } as const;
  const noted = engine.submit(command, { principal: caller.principal, nowMs: clock.nowMs() });
  // The renewal is committed: its answer must not be lost by this.
  await noted.catch((error: unknown) => logger.warn('a contest could not be noted', { hostId, error }));
}

interface JoinRequest {
  readonly certificateRequest: Uint8Array;
  readonly hostName: string;
  readonly hostId: string;
}

async function join(ports: EnrolServicePorts, request: JoinRequest, context: CallContext) {
  const { engine, authority, clock, ids } = ports;
  const { publicKey, keyHash } = await readCertificateRequest(request.certificateRequest);
  const ask = {
    tokenHash: sha256Hex(context.token ?? ''),
    keyHash,
    hostName: requireName(request.hostName),
    claimedHostId: requireHostId(request.hostId),
  };
  const freshHostId = ids.mint('host') as HostId;
  const nowMs = clock.nowMs();
  const { plan, clusterId } = await engine.read((view) => ({
    plan: planJoin(view, { ...ask, freshHostId }, nowMs),
    clusterId: view.clusterId,
  }));
  // A plan that was refused is refused again by the command, in the form that all refusals have.
  const { hostId, generation } = plan.ok ? plan : { hostId: freshHostId, generation: 0 };
  const host = { clusterId, hostId, generation };
  const { lifetimeMs } = ports;
  const { certificatePem, serial, notAfterMs } = plan.ok
    ? await issueAgentCertificate({ authority, host, publicKey, nowMs, lifetimeMs })
    : { certificatePem: '', serial: '', notAfterMs: 0 };
  await engine.submit(
    { type: 'join-host', hostId, generation, ask, serial, notAfterMs },
    { principal: context.caller.principal, nowMs: clock.nowMs() },
  );
  ports.logger.info('a host joined', { hostId, hostName: ask.hostName, serial });
  return { hostId, clusterId, certificatePem, caPem: authority.certPem };
}

function requireName(hostName: string): string {
  if (hostName.length <= HOST_NAME_CHARACTERS_MAX && !/[\u0000-\u001f\u007f]/.test(hostName)) return hostName;
  throw fieldInvalid('hostName', `must be at most ${HOST_NAME_CHARACTERS_MAX} characters without controls`);
}

function requireHostId(hostId: string): string {
  if (hostId === '' || isHostId(hostId)) return hostId;
  throw fieldInvalid('hostId', 'must be a host id or empty');
}

function fieldInvalid(path: string, reason: string): ClusterError {
  return new ClusterError('invalid', 'JOIN_REQUEST_INVALID', 'a field of the join is not valid', {
    fields: [{ path, reason }],
    hint: 'correct the field',
  });
}
