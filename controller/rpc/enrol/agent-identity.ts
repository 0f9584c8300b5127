/**
 * From the certificate of a connection to the host that it speaks for. Nothing that an agent says of itself counts. The
 * handshake proved that the key is held; here the certificate is held against the CA, the clock and the state.
 */
import { X509Certificate } from 'node:crypto';
import type { Principal } from '../../../proto/domain/ids.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import { type CertifiedHost, parseIdentityUri } from '../../core/enrol/model.ts';
import type { ClusterView } from '../../core/view.ts';
import { SKEW_MS } from '../tls/certificate.ts';
import {
  certificateExpired,
  certificateInvalid,
  certificateNotYetValid,
  hostRevoked,
} from './enrol-error.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export interface AgentIdentityOptions {
  readonly caPem: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly peek: <T>(look: (view: ClusterView) => T) => T;
  /** So long after its end a certificate may still be renewed, and nothing else. */
  readonly renewGraceMs: number;
}

export interface AgentCaller extends Caller {
  readonly certified: CertifiedHost;
  /** Of the certificate, lower-case hex. */
  readonly serial: string;
}

export interface AgentIdentity {
  /**
   * Who presents this certificate: with role `agent`, and `renewal`; with `renewal` alone for a short time after its end.
   *
   * @throws ClusterError unauthenticated CERTIFICATE_REFUSED, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, HOST_REVOKED
   */
  identify(certificate: Uint8Array): AgentCaller;
}

/** What a certificate says that never changes. */
interface Checked {
  readonly certified: CertifiedHost;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export function createAgentIdentity(options: AgentIdentityOptions): AgentIdentity {
  const { clock, renewGraceMs } = options;
  const issuer = new X509Certificate(options.caPem);
  // Keyed by the bytes of one connection: what is cached ends with it.
  const checked = new WeakMap<Uint8Array, Checked>();

  const toCaller = ({ certified, serial, notBeforeMs, notAfterMs }: Checked): AgentCaller => {
    const nowMs = clock.nowMs();
    if (nowMs < notBeforeMs - SKEW_MS) throw certificateNotYetValid();
    if (nowMs > notAfterMs + renewGraceMs) throw certificateExpired(notAfterMs);
    const roles = nowMs > notAfterMs ? ['renewal'] : ['agent', 'renewal'];
    const { hostId } = certified;
    return { principal: `agent:${hostId}` as Principal, roles, hostId, certified, serial };
  };

  const stands = ({ certified }: Checked): boolean =>
    options.peek((view) => {
      const identity = view.hostIdentity(certified.hostId);
      const isCurrent = identity?.generation === certified.generation && !identity.revoked;
      return isCurrent && view.clusterId === certified.clusterId;
    });

  return {
    identify(certificate) {
      let found = checked.get(certificate);
      if (found === undefined) {
        found = check(certificate, issuer);
        checked.set(certificate, found);
      }
      // Revoked before expired: a new certificate would not help.
      if (!stands(found)) throw hostRevoked();
      return toCaller(found);
    },
  };
}

function check(der: Uint8Array, issuer: X509Certificate): Checked {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (error) {
    throw certificateInvalid('it cannot be read', error);
  }
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
    throw certificateInvalid('another authority signed it');
  }
  if (!certificate.keyUsage?.includes(CLIENT_AUTH)) throw certificateInvalid('it is not for clients');
  const uri = /^URI:([^,\s"]+)$/.exec(certificate.subjectAltName ?? '')?.[1];
  const certified = uri === undefined ? undefined : parseIdentityUri(uri);
  if (certified === undefined) throw certificateInvalid('it names no host');
  const notBeforeMs = Date.parse(certificate.validFrom);
  const serial = certificate.serialNumber.toLowerCase();
  return { certified, serial, notBeforeMs, notAfterMs: Date.parse(certificate.validTo) };
}
