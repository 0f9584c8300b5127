/**
 * Aim: the request written by hand is the one that the controller's library reads, and a tampered one is none.
 * Method: requests for fresh keys, read by the controller's own reader; every byte of one changed in turn.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import {
  makeCertificateRequest,
  makeHostKey,
} from '../../../../../agent/session/enrol/certificate-request.ts';
import {
  CERTIFICATE_REQUEST_BYTES_MAX,
  readCertificateRequest,
} from '../../../../../controller/rpc/tls/agent-certificate.ts';
import { sha256Hex } from '../../../../../proto/runtime/sha256.ts';

const INVALID = { kind: 'invalid', code: 'CERTIFICATE_REQUEST_INVALID' };

t.test('a request carries its key and proves it', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const keyPem = makeHostKey();
    const { keyHash } = await readCertificateRequest(makeCertificateRequest(keyPem));
    const spki = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
    t.equal(keyHash, sha256Hex(spki));
  }
});

t.test('a byte changed anywhere makes it nothing, or another spelling of the same', async (t) => {
  const der = makeCertificateRequest(makeHostKey());
  const { keyHash } = await readCertificateRequest(der);
  let refused = 0;
  for (let at = 0; at < der.length; at += 1) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    try {
      const read = await readCertificateRequest(changed);
      t.equal(read.keyHash, keyHash, `byte ${at}: only what is not signed may differ`);
    } catch (error) {
      t.match(error, INVALID);
      refused += 1;
    }
  }
  t.ok(refused > der.length * 0.9, `${refused} of ${der.length} refused`);
});

t.test('other keys, other bytes and too many are refused', async (t) => {
  const strong = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const other = String(strong.export({ type: 'pkcs8', format: 'pem' }));
  for (const der of [
    makeCertificateRequest(other),
    Buffer.alloc(0),
    Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'),
    Buffer.alloc(CERTIFICATE_REQUEST_BYTES_MAX + 1, 0x30),
    makeCertificateRequest(makeHostKey()).subarray(0, 100),
  ]) {
    await t.rejects(readCertificateRequest(der), INVALID, `${der.length} bytes`);
  }
});
