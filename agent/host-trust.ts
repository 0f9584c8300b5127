/**
 * What the agent and its controller know one another by: joins the host when it has not joined yet and a token says
 * that it may, and keeps the certificate that later connections use.
 */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ClusterError, isClusterError } from '../proto/errors/cluster-error.ts';
import type { Clock, Logger, Rng } from '../proto/ports/index.ts';
import {
  makeSecretFolder,
  readTextFile,
  SECRET_FILE_MODE,
  writeFileAtomically,
} from '../proto/runtime/durable-file.ts';
import type { AgentConfig } from './config.ts';
import type { AgentLayout } from './core/layout.ts';
import {
  type CertificateFolder,
  type HostCertificate,
  openCertificateFolder,
} from './session/enrol/host-certificate.ts';
import { joinCluster } from './session/enrol/join-cluster.ts';

const DEFAULT_CONTROLLER = '127.0.0.1:7350';
const PEM_BYTES_MAX = 256 * 1024;
const TOKEN_BYTES_MAX = 4 * 1024;
const ID_BYTES_MAX = 128;
const STANDARD_INPUT = 0;

export interface TrustInput {
  readonly config: AgentConfig;
  readonly layout: AgentLayout;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** What the controller's address and certificate are, and what proves who this host is. */
export interface ControllerTrust {
  /** `host:port` of gRPC. */
  readonly address: string;
  readonly host: string;
  readonly serverName?: string;
  readonly folder: CertificateFolder;
  readonly certificate: () => HostCertificate;
  readonly replace: (certificate: HostCertificate) => void;
}

/**
 * Opens what an earlier join left, or joins now.
 *
 * @throws ClusterError precondition AGENT_NOT_JOINED; as the join fails
 */
export async function openTrust(input: TrustInput): Promise<ControllerTrust> {
  const folder = openCertificateFolder(input.layout.identity);
  // A damaged certificate is as good as none where the host may join anew.
  let certificate = await folder.read().catch((error: unknown) => {
    if (input.config.tokenFile === '') throw error;
    return undefined;
  });
  if (certificate === undefined || certificate.notAfterMs <= input.clock.nowMs()) {
    certificate = await joinWhereAllowed(input, certificate);
  }
  const { address, serverName } = await findController(input.config, folder);
  let current = certificate;
  return {
    address,
    host: address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, ''),
    ...(serverName === '' ? {} : { serverName }),
    folder,
    certificate: () => current,
    replace: (next) => {
      current = next;
    },
  };
}

/** An expired certificate may still be renewed for some days, so a token that is used up is no reason to give up. */
async function joinWhereAllowed(
  input: TrustInput,
  expired: HostCertificate | undefined,
): Promise<HostCertificate> {
  if (input.config.tokenFile === '') {
    if (expired !== undefined) return expired;
    throw new ClusterError('precondition', 'AGENT_NOT_JOINED', 'this host has not joined a cluster', {
      hint: 'run what nabla hosts join-token prints: nabla-agent join --controller … --ca-sha256 … --token-file …',
      details: { path: input.layout.identity },
    });
  }
  try {
    return (await joinHost(input)).certificate;
  } catch (error) {
    if (expired === undefined) throw error;
    const code = isClusterError(error) ? error.code : '';
    input.logger.warn('the host could not join anew', { code });
    return expired;
  }
}

/** Joins with the token that the configuration names, and keeps what comes back. @throws ClusterError as refused */
export async function joinHost(
  input: TrustInput,
): Promise<{ readonly hostId: string; readonly clusterId: string; readonly certificate: HostCertificate }> {
  const { config, layout, clock, rng, logger } = input;
  const folder = openCertificateFolder(layout.identity);
  await makeSecretFolder(layout.root);
  const { address, serverName } = await findController(config, folder);
  const known = (await readTextFile(layout.hostIdFile, ID_BYTES_MAX))?.trim() ?? '';
  if (config.hostId !== '' && known !== '' && known !== config.hostId) {
    throw new ClusterError('precondition', 'HOST_ID_DIFFERS', 'the data folder belongs to another host', {
      hint: 'leave --host-id out, or give a data folder of its own',
      details: { known, wanted: config.hostId },
    });
  }
  const joined = await joinCluster({
    address,
    serverName,
    token: await readJoinToken(input),
    caSha256: config.caSha256,
    caPem: config.caFile === '' ? '' : await readPem(config.caFile),
    hostName: config.name,
    hostId: known || config.hostId,
    folder,
    clock,
    rng,
  });
  if (joined.hostId !== known) {
    await writeFileAtomically(layout.hostIdFile, `${joined.hostId}\n`, { mode: SECRET_FILE_MODE });
  }
  logger.info('joined the cluster', { hostId: joined.hostId, clusterId: joined.clusterId });
  return joined;
}

async function findController(
  config: AgentConfig,
  folder: CertificateFolder,
): Promise<{ readonly address: string; readonly serverName: string }> {
  const known = await folder.controller();
  const given = config.controller.replace(/^https:\/\//, '').replace(/\/$/, '');
  if (given === '') {
    const { address, serverName } = known ?? { address: DEFAULT_CONTROLLER, serverName: '' };
    return { address, serverName: config.serverName || serverName };
  }
  const isKnown = known?.address === given;
  return { address: given, serverName: config.serverName || (isKnown ? known.serverName : '') };
}

/** @throws ClusterError invalid JOIN_TOKEN_MISSING, forbidden TOKEN_FILE_OPEN, or a file error */
async function readJoinToken({ config: { tokenFile }, environment }: TrustInput): Promise<string> {
  const text =
    tokenFile === 'env'
      ? environment['NABLA_JOIN_TOKEN']
      : tokenFile === '-'
        ? readStandardInput()
        : await readTokenFile(tokenFile);
  const token = (text ?? '').trim();
  if (/^\S{16,512}$/.test(token)) return token;
  throw new ClusterError('invalid', 'JOIN_TOKEN_MISSING', 'there is no join token', {
    hint: "give --token-file FILE, '-' for standard input, or 'env' for the variable NABLA_JOIN_TOKEN",
    fields: [{ path: 'tokenFile', reason: 'must lead to a token of nabla hosts join-token' }],
  });
}

function readStandardInput(): string {
  return readFileSync(STANDARD_INPUT, 'utf8').slice(0, TOKEN_BYTES_MAX);
}

/** A token that others can read is no secret; better found at start than after the fact. */
async function readTokenFile(path: string): Promise<string | undefined> {
  if (path === '') return undefined;
  const text = await readTextFile(path, TOKEN_BYTES_MAX);
  if (text === undefined) return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return text;
  throw new ClusterError('forbidden', 'TOKEN_FILE_OPEN', 'the token file can be read by others', {
    details: { path },
    hint: 'make it readable by its owner alone: chmod 600',
  });
}

async function readPem(path: string): Promise<string> {
  const text = await readTextFile(path, PEM_BYTES_MAX);
  if (text !== undefined && text.trim() !== '') return text;
  throw new ClusterError('invalid', 'AGENT_TRUST_MISSING', 'the file of caFile is missing or empty', {
    details: { path },
    hint: 'give --ca-sha256 instead, as nabla hosts join-token prints it',
    fields: [{ path: 'caFile', reason: 'must name a file that is not empty' }],
  });
}
