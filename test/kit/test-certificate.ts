/**
 * A throw-away authority and a server certificate for loopback, made as the controller makes its own.
 */
import {
  createAuthority,
  createServerCertificate,
  type PemPair,
} from '../../controller/rpc/tls/certificate.ts';

export interface TestCertificate {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** Signs further ones. */
  readonly authority: PemPair;
}

export async function makeTestCertificate(): Promise<TestCertificate> {
  const nowMs = Date.now();
  const authority = await createAuthority(nowMs);
  const server = await createServerCertificate({ authority, names: ['127.0.0.1', 'localhost'], nowMs });
  return { caPem: authority.certPem, authority, ...server };
}
