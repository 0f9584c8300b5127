/**
 * The cluster's certificates on disk: a CA made once and a server certificate made anew when it is close to its
 * end, lacks a name or no longer fits the CA. Key and certificate share one file, so a crash never parts them.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import {
  makeSecretFolder,
  readTextFile,
  SECRET_FILE_MODE,
  writeFileAtomically,
} from '../../../proto/runtime/durable-file.ts';
import { createAuthority, createServerCertificate, type PemPair } from './certificate.ts';

/** CA certificate and key; never leaves the controller's machine. */
export const AUTHORITY_FILE = 'authority.pem';
export const SERVER_FILE = 'server.pem';
/** The CA certificate alone, to hand to clients. */
export const CA_FILE = 'ca.pem';
/** A certificate is made anew when less than this is left of it. */
export const RENEW_BEFORE_MS = 30 * 86_400_000;
const PEM_BYTES_MAX = 64 * 1024;
const NAME_COUNT_MAX = 64;

export interface TlsMaterial {
  /** Signs the certificates of agents. */
  readonly authority: PemPair;
  /** What clients pin. */
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** What was made now. `authority` means that every client must be given the new CA certificate. */
  readonly renewed: 'authority' | 'server' | 'none';
}

export interface TlsMaterialOptions {
  readonly folder: string;
  /** Names and addresses of this server beside localhost, 127.0.0.1, ::1 and the machine's own name. */
  readonly names?: readonly string[];
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Default: the machine's own. */
  readonly hostName?: string;
}

function isTlsName(name: string): boolean {
  if (isIP(name) !== 0) return true;
  return (
    name.length <= 253 &&
    /^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/.test(name)
  );
}

/** Localhost first, then the machine's name when it is a valid one, then what the operator adds. */
function collectNames(options: TlsMaterialOptions): readonly string[] {
  const extra = (options.names ?? []).map((name) => name.replace(/^\[|\]$/g, '').toLowerCase());
  const wrong = extra.filter((name) => !isTlsName(name));
  if (wrong.length > 0 || extra.length > NAME_COUNT_MAX) {
    throw new ClusterError('invalid', 'TLS_NAMES_INVALID', 'a name of the server is not valid', {
      fields: wrong
        .slice(0, 8)
        .map((name) => ({ path: 'names', reason: `${name.slice(0, 64)} is not a host name or address` })),
      hint: `give at most ${NAME_COUNT_MAX} host names or IP addresses`,
    });
  }
  const own = (options.hostName ?? hostname()).toLowerCase();
  const names = ['localhost', '127.0.0.1', '::1', ...(isTlsName(own) ? [own] : []), ...extra];
  return [...new Set(names)];
}

function parsePair(text: string): PemPair | undefined {
  const certPem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/.exec(text)?.[0];
  const keyPem = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n?/.exec(text)?.[0];
  if (certPem === undefined || keyPem === undefined) return undefined;
  try {
    if (!new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem))) return undefined;
  } catch {
    // Damaged PEM: the caller decides whether that is fatal (CA) or made anew (server).
    return undefined;
  }
  return { certPem, keyPem };
}

const leftMs = (pem: string, nowMs: number): number => Date.parse(new X509Certificate(pem).validTo) - nowMs;

function writePair(folder: string, file: string, pair: PemPair): Promise<void> {
  return writeFileAtomically(join(folder, file), pair.certPem + pair.keyPem, { mode: SECRET_FILE_MODE });
}

/** A damaged CA is never replaced by itself: every client trusts it, so the operator decides. */
async function openAuthority(
  folder: string,
  nowMs: number,
): Promise<{ readonly pair: PemPair; readonly fresh: boolean }> {
  const path = join(folder, AUTHORITY_FILE);
  const text = await readTextFile(path, PEM_BYTES_MAX);
  if (text !== undefined) {
    const pair = parsePair(text);
    if (pair === undefined) {
      throw new ClusterError('corrupt', 'TLS_AUTHORITY_DAMAGED', "the cluster's CA file is damaged", {
        details: { path },
        hint: 'restore it from a backup, or remove it and log in anew from every client',
      });
    }
    if (leftMs(pair.certPem, nowMs) > RENEW_BEFORE_MS) return { pair, fresh: false };
  }
  const pair = await createAuthority(nowMs);
  await writePair(folder, AUTHORITY_FILE, pair);
  return { pair, fresh: true };
}

function isServerSound(pair: PemPair, authority: PemPair, names: readonly string[], nowMs: number): boolean {
  const certificate = new X509Certificate(pair.certPem);
  const issuer = new X509Certificate(authority.certPem);
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return false;
  if (leftMs(pair.certPem, nowMs) <= RENEW_BEFORE_MS) return false;
  return names.every((name) =>
    isIP(name) === 0 ? certificate.checkHost(name) !== undefined : certificate.checkIP(name) !== undefined,
  );
}

/**
 * Certificates that are good now and for 30 days at least, made where they are missing. Files are owner-only and
 * replaced atomically. One process at a time (the data folder's lock sees to it).
 *
 * @throws ClusterError corrupt TLS_AUTHORITY_DAMAGED, invalid TLS_NAMES_INVALID, or as file-error says.
 */
export async function ensureTlsMaterial(options: TlsMaterialOptions): Promise<TlsMaterial> {
  const { folder } = options;
  const names = collectNames(options);
  const nowMs = options.clock.nowMs();
  await makeSecretFolder(folder);
  const { pair: authority, fresh } = await openAuthority(folder, nowMs);
  const caText = await readTextFile(join(folder, CA_FILE), PEM_BYTES_MAX);
  if (caText !== authority.certPem) {
    await writeFileAtomically(join(folder, CA_FILE), authority.certPem, { mode: SECRET_FILE_MODE });
  }
  const text = await readTextFile(join(folder, SERVER_FILE), PEM_BYTES_MAX);
  const present = text === undefined ? undefined : parsePair(text);
  if (present !== undefined && !fresh && isServerSound(present, authority, names, nowMs)) {
    return { authority, caPem: authority.certPem, ...present, renewed: 'none' };
  }
  const server = await createServerCertificate({ authority, names, nowMs });
  await writePair(folder, SERVER_FILE, server);
  return { authority, caPem: authority.certPem, ...server, renewed: fresh ? 'authority' : 'server' };
}
