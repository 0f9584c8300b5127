/**
 * Joining: a key is made here, the controller signs it against a one-time token, and what comes back is held against
 * the CA that was pinned before anything is kept. A join that is cut off is repeated with the same key.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { EnrolService } from '../../../proto/gen/nabla/v1/enrol_pb.ts';
import type { Clock, Rng } from '../../../proto/ports/index.ts';
import { openChannel } from '../../../proto/rpc/channel.ts';
import { createClient } from '../../../proto/rpc/client.ts';
import { makeCertificateRequest, makeHostKey } from './certificate-request.ts';
import type { CertificateFolder, HostCertificate } from './host-certificate.ts';
import { fetchPinnedAuthority } from './pinned-authority.ts';

export interface JoinOptions {
  /** `host:port`. */
  readonly address: string;
  /** Name in the controller's certificate; empty: the host of the address. */
  readonly serverName: string;
  readonly token: string;
  readonly caSha256: string;
  /** A CA that is known already; empty: the one that is pinned. */
  readonly caPem: string;
  readonly hostName: string;
  /** Empty: the controller gives one. */
  readonly hostId: string;
  readonly folder: CertificateFolder;
  readonly clock: Clock;
  readonly rng: Rng;
}

export interface Joined {
  readonly hostId: string;
  readonly clusterId: string;
  readonly certificate: HostCertificate;
}

/** @throws ClusterError as the controller refuses; unauthenticated CA_PIN_MISMATCH; invalid CA_UNKNOWN */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const { address, serverName, folder, clock, rng, token } = options;
  const caPem = options.caPem === '' ? await pinned(options) : options.caPem;
  const keyPem = await folder.pendingKey(makeHostKey);
  const tls = serverName === '' ? { caPem } : { caPem, serverName };
  const channel = openChannel({ address, tls, token, clock, rng });
  try {
    const answer = await createClient(EnrolService, channel).join({
      certificateRequest: makeCertificateRequest(keyPem),
      hostName: options.hostName,
      hostId: options.hostId,
    });
    const { hostId, clusterId, certificatePem } = answer;
    // The CA that was checked is kept, not the one of the answer: both are the same, or nothing fits.
    const certificate = await folder.write({ certPem: certificatePem, keyPem, caPem });
    await folder.writeController({ address, serverName });
    await folder.clearPendingKey();
    return { hostId, clusterId, certificate };
  } finally {
    channel.close();
  }
}

function pinned({ address, caSha256 }: JoinOptions): Promise<string> {
  if (caSha256 === '') {
    throw new ClusterError('invalid', 'CA_UNKNOWN', 'nothing says which controller is to be trusted', {
      hint: 'give --ca-sha256 as nabla hosts join-token prints it, or --ca-file',
    });
  }
  const cut = address.lastIndexOf(':');
  const host = address.slice(0, cut).replace(/^\[|\]$/g, '');
  return fetchPinnedAuthority({ host, port: Number(address.slice(cut + 1)), caSha256 });
}
