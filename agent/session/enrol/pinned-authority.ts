/**
 * The CA of a controller that is known only by the CA's fingerprint: fetched over a connection on which nothing is
 * said, and believed only if it is the one that was named. Everything after that trusts this CA and no other.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

const DIAL_TIMEOUT_MS = 10_000;
/** A chain of ours has two. */
const CHAIN_LENGTH_MAX = 8;

export interface PinOptions {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the CA certificate (DER), hex; colons and case do not matter. */
  readonly caSha256: string;
}

/** @throws ClusterError unauthenticated CA_PIN_MISMATCH, unavailable CONTROLLER_UNREACHABLE */
export async function fetchPinnedAuthority(options: PinOptions): Promise<string> {
  const wanted = options.caSha256.replaceAll(':', '').toLowerCase();
  const chain = await readChain(options);
  const found = chain.find((certificate) => fingerprintOf(certificate) === wanted && certificate.ca);
  if (found === undefined) {
    throw new ClusterError(
      'unauthenticated',
      'CA_PIN_MISMATCH',
      'the controller shows another CA than the pinned one',
      {
        hint: 'compare --ca-sha256 with what nabla hosts join-token printed; if it is right, somebody sits in between',
        details: { wanted, shown: chain.map(fingerprintOf).join(',') },
      },
    );
  }
  return found.toString();
}

function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

function readChain({ host, port }: PinOptions): Promise<readonly X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      // Nothing is sent on this connection, and what it shows is held against the pin.
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const fail = (cause?: unknown): void => {
      socket.destroy();
      reject(
        new ClusterError('unavailable', 'CONTROLLER_UNREACHABLE', 'the controller cannot be reached', {
          hint: 'check the address, and that the controller listens there',
          details: { address: `${host}:${port}` },
          ...(cause === undefined ? {} : { cause }),
        }),
      );
    };
    socket.setTimeout(DIAL_TIMEOUT_MS, () => fail());
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const chain = toChain(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });
}

function toChain(leaf: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = leaf;
  while (at?.raw !== undefined && chain.length < CHAIN_LENGTH_MAX) {
    chain.push(new X509Certificate(at.raw));
    // A root is its own issuer.
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}
