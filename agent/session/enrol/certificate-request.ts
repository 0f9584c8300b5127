/**
 * A PKCS#10 request (RFC 2986) for a key that was made here. Written out by hand, because all it holds is the key: the
 * controller decides every name, and the library for the rest takes a third of a second to load.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
/** `[0]`, constructed: the attributes, of which there are none. */
const ATTRIBUTES = 0xa0;
/** 1.2.840.10045.4.3.2, ECDSA with SHA-256 (RFC 5758). */
const ECDSA_SHA256 = Buffer.from('2a8648ce3d040302', 'hex');

/** A new P-256 key as PKCS#8 PEM. It never leaves this host. */
export function makeHostKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** DER of a request for the key, signed by it. @throws when the PEM holds no such key */
export function makeCertificateRequest(keyPem: string): Buffer {
  const key = createPrivateKey(keyPem);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const about = encode(SEQUENCE, encode(INTEGER, Buffer.of(0)), encode(SEQUENCE), spki, encode(ATTRIBUTES));
  const signature = sign('sha256', about, { key, dsaEncoding: 'der' });
  const algorithm = encode(SEQUENCE, encode(OBJECT_ID, ECDSA_SHA256));
  // The first byte of a bit string counts the bits that its last byte leaves unused.
  return encode(SEQUENCE, about, algorithm, encode(BIT_STRING, Buffer.of(0), signature));
}

/** Tag, length and content (X.690, 8.1). Contents here are shorter than 64 KiB. */
function encode(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
