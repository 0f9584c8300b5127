/**
 * Certificates of agents: short-lived, good for clients only, and about nothing but the host. Of a request only the
 * key is taken; names that it asks for are not even read.
 */
import { createHash, createPublicKey, type webcrypto } from 'node:crypto';
import { CERTIFICATE_BACKDATED_MS } from '../../../proto/domain/enrol.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { type CertifiedHost, toIdentityUri } from '../../core/enrol/model.ts';
import { drawSerial, fromKeyPem, loadX509, type PemPair, SIGNING, withNewline } from './certificate.ts';

/** A P-256 request without names takes about 200 bytes. */
export const CERTIFICATE_REQUEST_BYTES_MAX = 8 * 1024;

export interface CertificateRequest {
  readonly publicKey: webcrypto.CryptoKey;
  /** sha256 of the public key (SubjectPublicKeyInfo), lower-case hex. */
  readonly keyHash: string;
}

/**
 * Reads a PKCS#10 request and checks that whoever made it holds the key.
 *
 * @throws ClusterError invalid CERTIFICATE_REQUEST_INVALID
 */
export async function readCertificateRequest(der: Uint8Array): Promise<CertificateRequest> {
  if (der.length === 0 || der.length > CERTIFICATE_REQUEST_BYTES_MAX) throw requestInvalid();
  const x509 = await loadX509();
  try {
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(der));
    const spki = Buffer.from(request.publicKey.rawData);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    // One kind of key: what nobody needs cannot be weak.
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw requestInvalid();
    if (!(await request.verify())) throw requestInvalid();
    const publicKey = await request.publicKey.export();
    return { publicKey, keyHash: createHash('sha256').update(spki).digest('hex') };
  } catch (error) {
    throw requestInvalid(error);
  }
}

function requestInvalid(cause?: unknown): ClusterError {
  return new ClusterError('invalid', 'CERTIFICATE_REQUEST_INVALID', 'the certificate request is not valid', {
    hint: 'join with nabla-agent join, which makes a P-256 key and signs the request with it',
    ...(cause === undefined ? {} : { cause }),
  });
}

export interface AgentCertificateOptions {
  readonly authority: PemPair;
  readonly host: CertifiedHost;
  readonly publicKey: webcrypto.CryptoKey;
  readonly nowMs: number;
  readonly lifetimeMs: number;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly serial: string;
  readonly notAfterMs: number;
}

/** Begins a little in the past, because the clocks of hosts differ. Whole seconds, as X.509 has them. */
export async function issueAgentCertificate(options: AgentCertificateOptions): Promise<IssuedCertificate> {
  const { authority, host, publicKey, nowMs, lifetimeMs } = options;
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certPem);
  const serial = drawSerial();
  const endMs = Math.min(nowMs + lifetimeMs, issuer.notAfter.getTime());
  const notAfterMs = Math.floor(endMs / 1000) * 1000;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [host.hostId] }, { O: ['Nabla'] }, { OU: ['agent'] }],
    issuer: issuer.subject,
    notBefore: new Date(Math.floor((nowMs - CERTIFICATE_BACKDATED_MS) / 1000) * 1000),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: SIGNING,
    publicKey,
    signingKey: await fromKeyPem(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth], true),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: toIdentityUri(host) }]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificatePem: withNewline(certificate.toString('pem')), serial, notAfterMs };
}
