/**
 * What proves who this host is, on its disk: key and certificate in one owner-only file, replaced whole, and the CA and
 * address that go with them. Read once; connections take the present one each time they are made.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import {
  makeSecretFolder,
  readTextFile,
  SECRET_FILE_MODE,
  writeFileAtomically,
} from '../../../proto/runtime/durable-file.ts';

const FILE_BYTES_MAX = 64 * 1024;
const PAIR_FILE = 'agent.pem';
const CA_FILE = 'ca.pem';
const CONTROLLER_FILE = 'controller.json';
/** Key of a join whose answer has not been seen: the same key may ask again. */
const PENDING_FILE = 'pending-key.pem';

export interface HostCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Where the controller was when the host joined. */
export interface KnownController {
  readonly address: string;
  readonly serverName: string;
}

export interface CertificateFolder {
  /** Undefined: never joined. @throws ClusterError corrupt HOST_CERTIFICATE_DAMAGED */
  read(): Promise<HostCertificate | undefined>;
  /** Durable when it resolves. @throws ClusterError corrupt when key and certificate do not belong together */
  write(pair: {
    readonly certPem: string;
    readonly keyPem: string;
    readonly caPem: string;
  }): Promise<HostCertificate>;
  controller(): Promise<KnownController | undefined>;
  writeController(controller: KnownController): Promise<void>;
  /** The pending key, or `make`'s, durable before it is used. */
  pendingKey(make: () => string): Promise<string>;
  clearPendingKey(): Promise<void>;
}

export function openCertificateFolder(folder: string): CertificateFolder {
  const path = (file: string): string => join(folder, file);
  const read = (file: string): Promise<string | undefined> => readTextFile(path(file), FILE_BYTES_MAX);
  const write = (file: string, text: string): Promise<void> =>
    writeFileAtomically(path(file), text, { mode: SECRET_FILE_MODE });
  return {
    async read() {
      const [pair, caPem] = await Promise.all([read(PAIR_FILE), read(CA_FILE)]);
      if (pair === undefined || caPem === undefined) return undefined;
      const certPem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/.exec(pair)?.[0] ?? '';
      const keyPem = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n?/.exec(pair)?.[0] ?? '';
      return toHostCertificate({ certPem, keyPem, caPem }, path(PAIR_FILE));
    },
    async write(pair) {
      const certificate = toHostCertificate(pair, path(PAIR_FILE));
      await makeSecretFolder(folder);
      // The pair last: with it the host has joined.
      await write(CA_FILE, pair.caPem);
      await write(PAIR_FILE, pair.certPem + pair.keyPem);
      return certificate;
    },
    async controller() {
      const text = await read(CONTROLLER_FILE);
      return text === undefined ? undefined : parseController(text);
    },
    writeController: (controller) => write(CONTROLLER_FILE, `${JSON.stringify(controller)}\n`),
    async pendingKey(make) {
      await makeSecretFolder(folder);
      const kept = await read(PENDING_FILE);
      if (kept !== undefined && kept !== '') return kept;
      const made = make();
      await write(PENDING_FILE, made);
      return made;
    },
    clearPendingKey: () => rm(path(PENDING_FILE), { force: true }),
  };
}

function toHostCertificate(
  pair: { readonly certPem: string; readonly keyPem: string; readonly caPem: string },
  path: string,
): HostCertificate {
  try {
    const certificate = new X509Certificate(pair.certPem);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.keyPem))) throw new Error('the key is another');
    if (!certificate.verify(new X509Certificate(pair.caPem).publicKey)) throw new Error('the CA is another');
    const notBeforeMs = Date.parse(certificate.validFrom);
    return { ...pair, notBeforeMs, notAfterMs: Date.parse(certificate.validTo) };
  } catch (cause) {
    throw new ClusterError('corrupt', 'HOST_CERTIFICATE_DAMAGED', "the host's certificate cannot be used", {
      details: { path },
      hint: 'join again with a token of nabla hosts join-token --host HOST',
      cause,
    });
  }
}

/** A damaged file only means that the address must be given. */
function parseController(text: string): KnownController | undefined {
  try {
    const { address, serverName } = JSON.parse(text) as Partial<KnownController>;
    if (typeof address !== 'string' || typeof serverName !== 'string') return undefined;
    return { address, serverName };
  } catch {
    return undefined;
  }
}
