/**
 * Which controller a command talks to: flags, then environment, then profile, then the local cluster's data folder.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { ConnectionTarget } from './connection-target.ts';
import { defaultDataFolder } from './data-folder.ts';
import { toFileError } from './file-error.ts';
import { readLocalCluster } from './local-cluster.ts';
import type { Profile, ProfileStore } from './profile-store.ts';

export interface TargetRequest {
  readonly profile: string | undefined;
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly caFile: string | undefined;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly profiles: ProfileStore;
  warn(text: string): void;
}

export const GRPC_PORT_DEFAULT = 7350;

/**
 * @throws ClusterError precondition NO_CONTROLLER naming every place that was looked at; invalid URL_INVALID;
 * not-found PROFILE_NOT_FOUND
 */
export async function resolveTarget(request: TargetRequest): Promise<ConnectionTarget> {
  const { profiles, variables } = request;
  const stored = await profiles.read();
  const named = request.profile ?? (request.url === undefined ? stored.current : undefined);
  const profile = named === undefined ? undefined : stored.profiles[named];
  if (
    named !== undefined &&
    profile === undefined &&
    (request.profile !== undefined || request.url === undefined)
  ) {
    const known = Object.keys(stored.profiles);
    throw new ClusterError('not-found', 'PROFILE_NOT_FOUND', 'no such profile', {
      details: { profile: named, lookedAt: profiles.path },
      hint: known.length === 0 ? 'make one with nabla login URL' : `known profiles: ${known.join(', ')}`,
    });
  }
  if (profile !== undefined && (await profiles.othersMode()) !== 0) {
    request.warn(`others may read ${profiles.path}; chmod 600 it`);
  }
  const url = request.url ?? profile?.url;
  if (url !== undefined) {
    const foundBy = request.url === undefined ? `profile ${named ?? ''}` : '--url or NABLA_URL';
    return fromUrl(url, profile, request, foundBy);
  }
  const folder = defaultDataFolder(variables);
  const local = await readLocalCluster(folder);
  if (local === undefined) {
    throw new ClusterError('unavailable', 'NO_CONTROLLER', 'no controller is known', {
      details: {
        lookedAt: `--url, NABLA_URL, ${profiles.path}, ${join(folder, 'controller', 'addresses.json')}`,
      },
      hint: 'start one with nabla up, or point to one with nabla login URL',
    });
  }
  return { ...local, ...(request.token === undefined ? {} : { token: request.token }) };
}

async function fromUrl(
  url: string,
  profile: Profile | undefined,
  request: TargetRequest,
  foundBy: string,
): Promise<ConnectionTarget> {
  const token = request.token ?? profile?.token;
  if (token === undefined || token === '') {
    throw new ClusterError('unauthenticated', 'TOKEN_MISSING', 'no access token is known', {
      details: { url },
      hint: 'log in with nabla login URL, or set NABLA_TOKEN',
    });
  }
  const { caFile } = request;
  const caPem =
    caFile === undefined
      ? profile?.ca
      : await readFile(caFile, 'utf8').catch((error: unknown) => Promise.reject(toFileError(error, caFile)));
  return { grpcAddress: parseAddress(url), token, foundBy, ...(caPem === undefined ? {} : { caPem }) };
}

/**
 * `https://host:port`, `host:port` or `host` as `host:port`; the port defaults to {@link GRPC_PORT_DEFAULT}.
 *
 * @throws ClusterError invalid URL_INVALID
 */
export function parseAddress(url: string): string {
  const wrong = (reason: string): ClusterError =>
    new ClusterError('invalid', 'URL_INVALID', 'the controller address is not valid', {
      fields: [{ path: 'url', reason }],
      hint: 'write https://HOST:PORT',
    });
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`;
  let parsed: URL;
  try {
    parsed = new URL(withScheme);
  } catch {
    // The reason that URL gives is no better than this one.
    throw wrong('is not a URL');
  }
  if (parsed.protocol !== 'https:') throw wrong('must begin with https://');
  if (parsed.username !== '' || parsed.password !== '') throw wrong('must not hold a user or password');
  if (parsed.hostname === '' || (parsed.pathname !== '/' && parsed.pathname !== '')) {
    throw wrong('must be a host and a port only');
  }
  // URL drops the port that is the scheme's default, so 443 is looked for in the text.
  const port =
    parsed.port !== '' ? parsed.port : /:443\/?$/.test(withScheme) ? '443' : String(GRPC_PORT_DEFAULT);
  return `${parsed.hostname}:${port}`;
}
