/**
 * Lets the hosts of a local cluster join by themselves: a token for each that has no certificate, or one that ran out
 * while the cluster was down, in a file that only its owner may read and that is good for minutes.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ClusterClient } from '../../client/cluster-client.ts';
import { toFileError } from '../../client/file-error.ts';

/** As long as an agent may take to come up, and to be started again. */
const TOKEN_TTL_MS = 10 * 60_000;

export function agentFolder(dataFolder: string, name: string): string {
  return join(dataFolder, 'agents', name);
}

/** The file with the agent's join token; undefined when its certificate is good. @throws ClusterError file errors */
export async function letHostJoin(
  client: Pick<ClusterClient, 'hostOrders'>,
  dataFolder: string,
  name: string,
): Promise<string | undefined> {
  const folder = agentFolder(dataFolder, name);
  const agents = join(dataFolder, 'agents');
  await mkdir(agents, { recursive: true, mode: 0o700 }).catch((error: unknown) =>
    Promise.reject(toFileError(error, agents)),
  );
  const file = join(agents, `${name}.join`);
  if (await hasCertificate(folder)) {
    await rm(file, { force: true });
    return undefined;
  }
  const hostId = (await readText(join(folder, 'host-id'))).trim();
  const token = await makeToken(client, hostId);
  try {
    await writeFile(file, token, { mode: 0o600 });
  } catch (error) {
    throw toFileError(error, file);
  }
  return file;
}

/** For the host that the folder was; a cluster that never heard of it takes it as a new one. */
async function makeToken(client: Pick<ClusterClient, 'hostOrders'>, hostId: string): Promise<string> {
  const ask = { ttlMs: TOKEN_TTL_MS, hostName: '' };
  try {
    return (await client.hostOrders.createJoinToken({ ...ask, host: hostId })).token;
  } catch (error) {
    if (!isClusterError(error) || error.kind !== 'not-found') throw error;
    return (await client.hostOrders.createJoinToken({ ...ask, host: '' })).token;
  }
}

async function hasCertificate(folder: string): Promise<boolean> {
  const pem = await readText(join(folder, 'identity', 'agent.pem'));
  try {
    return Date.parse(new X509Certificate(pem).validTo) > Date.now();
  } catch {
    // None, or a damaged one: the host joins anew.
    return false;
  }
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
