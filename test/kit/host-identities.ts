/**
 * Certificates for scripted hosts, got as real ones get theirs: a join token by the administrator, then a join. Kept by
 * host, so that a host that dials again is the same one.
 */
import { X509Certificate } from 'node:crypto';
import { makeCertificateRequest, makeHostKey } from '../../agent/session/enrol/certificate-request.ts';
import { EnrolService } from '../../proto/gen/nabla/v1/enrol_pb.ts';
import { NO_RETRY } from '../../proto/rpc/call-options.ts';
import { openChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';

export interface ClusterDoor {
  readonly grpcAddress: string;
  readonly caPem: string;
  readonly adminToken: string;
}

export interface HostPair {
  readonly hostId: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface JoinTokenAsk {
  readonly ttlMs?: number;
  readonly hostName?: string;
  /** A known host. */
  readonly host?: string;
}

/** A channel of its own for one call: with a token, a certificate, or neither. */
export async function withEnrol<T>(
  { grpcAddress, caPem }: Pick<ClusterDoor, 'grpcAddress' | 'caPem'>,
  as: { readonly token?: string; readonly certPem?: string; readonly keyPem?: string },
  call: (client: ReturnType<typeof createClient<typeof EnrolService>>) => Promise<T>,
): Promise<T> {
  const { token, certPem, keyPem } = as;
  const pair = certPem === undefined || keyPem === undefined ? {} : { certPem, keyPem };
  const channel = openChannel({
    address: grpcAddress,
    tls: { caPem, ...pair },
    ...(token === undefined ? {} : { token }),
    clock: createClock(),
    rng: createSystemRng(),
    retry: NO_RETRY,
  });
  try {
    return await call(createClient(EnrolService, channel));
  } finally {
    channel.close();
  }
}

/** The token's text. */
export async function makeJoinToken(door: ClusterDoor, ask: JoinTokenAsk = {}): Promise<string> {
  const { ttlMs = 60_000, hostName = '', host = '' } = ask;
  const request = { ttlMs: BigInt(ttlMs), hostName, host };
  return (await withEnrol(door, { token: door.adminToken }, (client) => client.createJoinToken(request)))
    .token;
}

/** Joins with the token; a key of its own unless one is given. */
export async function joinWith(
  door: Pick<ClusterDoor, 'grpcAddress' | 'caPem'>,
  token: string,
  ask: { readonly hostId?: string; readonly hostName?: string; readonly keyPem?: string } = {},
): Promise<HostPair> {
  const { hostId: claimed = '', hostName = 'a-host', keyPem = makeHostKey() } = ask;
  const certificateRequest = makeCertificateRequest(keyPem);
  const answer = await withEnrol(door, { token }, (client) =>
    client.join({ certificateRequest, hostName, hostId: claimed }),
  );
  return { hostId: answer.hostId, certPem: answer.certificatePem, keyPem };
}

/** As a host that never joined, or one that did and asks again. */
export async function joinHost(door: ClusterDoor, hostId: string, ask: JoinTokenAsk = {}): Promise<HostPair> {
  return joinWith(door, await makeJoinToken(door, ask), { hostId });
}

export interface HostIdentities {
  /** The host's certificate; joins the first time. */
  of(hostId: string): Promise<HostPair>;
}

export function createHostIdentities(door: () => ClusterDoor): HostIdentities {
  const pairs = new Map<string, Promise<HostPair>>();
  return {
    of(hostId) {
      const known = pairs.get(hostId);
      if (known !== undefined) return known;
      const joining = joinHost(door(), hostId);
      pairs.set(hostId, joining);
      return joining;
    },
  };
}

export function caPinOf(caPem: string): string {
  return new X509Certificate(caPem).fingerprint256.replaceAll(':', '').toLowerCase();
}
