/**
 * Stores and removes connection profiles.
 */
import { readFile } from 'node:fs/promises';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { toFileError } from '../../client/file-error.ts';
import { parseAddress } from '../../client/resolve-target.ts';
import { askHidden } from '../ask-hidden.ts';
import type { CommandContext } from '../command-tree.ts';

const PROFILE_DEFAULT = 'default';

export async function runLogin(context: CommandContext): Promise<number> {
  const { values, profiles } = context;
  const grpcAddress = parseAddress(context.argument('url'));
  const caFile = values.text('caFile');
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile, 'utf8').catch((error: unknown) => Promise.reject(toFileError(error, caFile)));
  const token = values.text('token') ?? (await askToken(context));
  const foundBy = 'nabla login';
  const client = await context.connectTo({
    grpcAddress,
    token,
    foundBy,
    ...(ca === undefined ? {} : { caPem: ca }),
  });
  const identity = await client.whoAmI();

  const name = values.text('profile') ?? PROFILE_DEFAULT;
  const project = values.text('project');
  const stored = await profiles.read();
  const profile = {
    url: `https://${grpcAddress}`,
    token,
    ...(ca === undefined ? {} : { ca }),
    ...(project === undefined ? {} : { project }),
  };
  await profiles.write({ current: name, profiles: { ...stored.profiles, [name]: profile } });
  context.note(
    `logged in to ${grpcAddress} as ${identity.principal}; profile ${name} is in ${profiles.path}`,
  );
  return 0;
}

/** @throws ClusterError unauthenticated TOKEN_MISSING when there is no terminal to ask on */
async function askToken(context: CommandContext): Promise<string> {
  const token = await askHidden(context.terminal, 'token');
  if (token !== undefined) return token;
  throw new ClusterError('unauthenticated', 'TOKEN_MISSING', 'no token was given', {
    hint: 'give it with --token @FILE, --token - or NABLA_TOKEN',
  });
}

export async function runLogout(context: CommandContext): Promise<number> {
  const { profiles } = context;
  const stored = await profiles.read();
  const name = context.values.text('profile') ?? stored.current;
  if (name === undefined || stored.profiles[name] === undefined) {
    if (context.values.given('profile')) {
      throw new ClusterError('not-found', 'PROFILE_NOT_FOUND', 'no such profile', {
        details: { profile: name ?? '' },
        hint: `known profiles: ${Object.keys(stored.profiles).join(', ') || 'none'}`,
      });
    }
    context.note('not logged in');
    return 0;
  }
  const { [name]: _removed, ...rest } = stored.profiles;
  const current = stored.current === name ? Object.keys(rest)[0] : stored.current;
  await profiles.write({ profiles: rest, ...(current === undefined ? {} : { current }) });
  context.note(`removed profile ${name}${current === undefined ? '' : `; current profile is ${current}`}`);
  return 0;
}
