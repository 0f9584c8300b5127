/**
 * What hosts show of themselves before anybody knows them: certificate requests, certificates, and the names in them.
 * The samples are made once and fixed, so that an input is the same in every run; no key of theirs is kept.
 */
import { X509Certificate } from 'node:crypto';
import { parseIdentityUri, toIdentityUri } from '../../controller/core/enrol/model.ts';
import { createAgentIdentity } from '../../controller/rpc/enrol/agent-identity.ts';
import { readCertificateRequest } from '../../controller/rpc/tls/agent-certificate.ts';
import { T0_MS } from '../kit/builders.ts';
import { createSimClock } from '../kit/sim-clock.ts';
import { type FuzzTarget, textTarget } from './fuzz-target.ts';

/** CA of the certificate below. */
const AUTHORITY = Buffer.from(
  [
    'MIIBpTCCAUugAwIBAgIQSVOz+LxdezIwFAFA+L0WUTAKBggqhkjOPQQDAjAxMR8wHQYDVQQDExZOYWJsYSBjbHVzdGVyIDJlMmNm',
    'NWFmMQ4wDAYDVQQKEwVOYWJsYTAeFw0yNTEyMzEyMzU1MDBaFw0zNTEyMzAwMDAwMDBaMDExHzAdBgNVBAMTFk5hYmxhIGNsdXN0',
    'ZXIgMmUyY2Y1YWYxDjAMBgNVBAoTBU5hYmxhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENJP1VrKXf74UptBNCWeD804UFnbv',
    '65cAVMZfXhBotBKsK++Y7u9mzMZsnS7lfzBeZy4ubRcSOCub7PGXm6YmvaNFMEMwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8B',
    'Af8EBAMCAQYwHQYDVR0OBBYEFH93DQ7Dpv/b+N9swEQfS1j+UofjMAoGCCqGSM49BAMCA0gAMEUCIA1s8KWe3VsqFsJ1wJvw0uYD',
    '0an46Tw7BV0aTrDRV+HaAiEAtVUG5bjXr7zJKAYWJg1WytzEBO1zNg76nbNZ1XnpPks=',
  ].join(''),
  'base64',
);

/** PKCS#10 of a P-256 key. */
const REQUEST = Buffer.from(
  [
    'MIG5MGICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBsA0+TbkwjWRmV9WiAhbzLr9cjAXzA/M67HqZqo5fiIf1lOWwEN',
    'TscislP7UWWyokmXtvZj6W0qZVAOoxMhGoygADAKBggqhkjOPQQDAgNHADBEAiAqRPcl5GcB1sTqmgMhQAMwgDafswOI9602D/pk',
    'X5q8TQIgNVP41p0Zc1h6rAVdBm/smXm/otZogJVkDpgMtPx9M+o=',
  ].join(''),
  'base64',
);

/** Of host_1 in cluster_1, generation 1. */
const CERTIFICATE = Buffer.from(
  [
    'MIIB6DCCAY6gAwIBAgIQanSa2WrDabL9hfS+2eOFezAKBggqhkjOPQQDAjAxMR8wHQYDVQQDExZOYWJsYSBjbHVzdGVyIDJlMmNm',
    'NWFmMQ4wDAYDVQQKEwVOYWJsYTAeFw0yNTEyMzEyMzU1MDBaFw0yNjAxMDIwMDAwMDBaMDExDzANBgNVBAMMBmhvc3RfMTEOMAwG',
    'A1UEChMFTmFibGExDjAMBgNVBAsTBWFnZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGwDT5NuTCNZGZX1aICFvMuv1yMBf',
    'MD8zrsepmqjl+Ih/WU5bAQ1OxyKyU/tRZbKiSZe29mPpbSplUA6jEyEajKOBhzCBhDAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQE',
    'AwIHgDAWBgNVHSUBAf8EDDAKBggrBgEFBQcDAjArBgNVHREEJDAihiBuYWJsYTovL2NsdXN0ZXJfMS9ob3N0cy9ob3N0XzEvMTAf',
    'BgNVHSMEGDAWgBR/dw0Ow6b/2/jfbMBEH0tY/lKH4zAKBggqhkjOPQQDAgNIADBFAiBXrqRrlqVps4QhZth3xUp7qgCEFdHr5ZB1',
    'ev4+X819JAIhANIttM3DqHxJ/rFUNcH3mRXlwkzg66Vu+sfv+7ewcq4f',
  ].join(''),
  'base64',
);

const GOOD = new X509Certificate(CERTIFICATE);
const agents = createAgentIdentity({
  caPem: new X509Certificate(AUTHORITY).toString(),
  clock: createSimClock({ startMs: T0_MS }),
  // Every host is known and in good standing, so that nothing hides behind a refusal.
  peek: (look) => look({ clusterId: 'cluster_1', hostIdentity: () => ({ generation: 1 }) } as never),
  renewGraceMs: 0,
});
// The library behind it takes long to load, which is no fault of an input.
await readCertificateRequest(REQUEST);

export const CERTIFICATE_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'certificate request',
    weight: 1,
    make: () => REQUEST,
    run: (input) => readCertificateRequest(input),
  },
  {
    name: 'certificate of an agent',
    weight: 2,
    make: () => CERTIFICATE,
    run(input) {
      const { certified } = agents.identify(Buffer.from(input));
      // Whatever was done to it, what is believed must be what was signed.
      const { subject } = new X509Certificate(input);
      if (certified.hostId !== 'host_1' || subject !== GOOD.subject)
        throw new Error('a changed one was believed');
    },
  },
  textTarget('name in a certificate', 1, ['nabla://cluster_1/hosts/host_1/1'], (text) => {
    const host = parseIdentityUri(text);
    if (host !== undefined && toIdentityUri(host) !== text) throw new Error('two names for one host');
  }),
];
