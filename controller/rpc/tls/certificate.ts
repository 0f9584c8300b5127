/**
 * Makes the cluster's own CA and certificates that it signs: P-256, SHA-256. The X.509 library is loaded on first
 * use, because a controller with sound certificates never needs it.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

const DAY_MS = 86_400_000;
export const AUTHORITY_LIFETIME_MS = 3650 * DAY_MS;
export const SERVER_LIFETIME_MS = 365 * DAY_MS;
/** Hosts of one cluster may disagree about the time by this much. */
export const SKEW_MS = 5 * 60_000;
const SERIAL_BYTES = 16;
export const EC: EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };
export const SIGNING: EcdsaParams = { name: 'ECDSA', hash: 'SHA-256' };

type EcKeyGenParams = webcrypto.EcKeyGenParams;
type EcdsaParams = webcrypto.EcdsaParams;

export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface ServerCertificateOptions {
  readonly authority: PemPair;
  /** DNS names and IP addresses that the certificate is good for; the first is the subject. */
  readonly names: readonly string[];
  readonly nowMs: number;
}

export async function loadX509() {
  // The library's container wants the metadata API before it is loaded.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(globalThis.crypto);
  return x509;
}

/** Positive and never zero, as RFC 5280 4.1.2.2 asks. */
export function drawSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function toKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

export function fromKeyPem(pem: string): Promise<webcrypto.CryptoKey> {
  const base64 = pem.replace(/-----[A-Z ]+-----|\s/g, '');
  return webcrypto.subtle.importKey('pkcs8', Buffer.from(base64, 'base64'), EC, false, ['sign']);
}

export const withNewline = (pem: string): string => (pem.endsWith('\n') ? pem : `${pem}\n`);

/** A new self-signed CA that may sign end certificates only. */
export async function createAuthority(nowMs: number): Promise<PemPair> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: drawSerial(),
    // The random part tells the CAs of two clusters apart in a trust store.
    name: `CN=Nabla cluster ${randomBytes(4).toString('hex')}, O=Nabla`,
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(nowMs + AUTHORITY_LIFETIME_MS),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: withNewline(certificate.toString('pem')), keyPem: await toKeyPem(keys.privateKey) };
}

/** A new key and a server certificate for the names, signed by the authority. */
export async function createServerCertificate(options: ServerCertificateOptions): Promise<PemPair> {
  const { authority, names, nowMs } = options;
  const [first] = names;
  if (first === undefined) throw new ClusterError('bug', 'TLS_NAMES_EMPTY', 'a certificate needs a name');
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certPem);
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: drawSerial(),
    subject: [{ CN: [first] }],
    issuer: issuer.subject,
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(Math.min(nowMs + SERVER_LIFETIME_MS, issuer.notAfter.getTime())),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey: await fromKeyPem(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: withNewline(certificate.toString('pem')), keyPem: await toKeyPem(keys.privateKey) };
}
