/**
 * `nabla up`: a local cluster that stays up until Ctrl-C.
 */
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { HostView } from '../../../proto/domain/views.ts';
import { defaultDataFolder } from '../../client/data-folder.ts';
import type { CommandContext } from '../command-tree.ts';
import { programPath } from '../package-root.ts';
import { toKebabCase } from '../spelling.ts';
import type { EnvironmentVariables } from '../terminal.ts';
import { usageError } from '../usage-error.ts';
import { type LocalCluster, startLocalCluster } from './start-local-cluster.ts';

const PROFILE = 'local';
const AGENTS_MAX = 64;
const GPUS_MAX = 64;
const GRPC_PORT = 7350;
const HTTP_PORT = 7351;

export async function runUp(context: CommandContext): Promise<number> {
  const { values } = context;
  const dataFolder = resolve(values.text('data') ?? defaultDataFolder(context.variables));
  const interrupt = context.interrupted();
  const cluster = await startLocalCluster({
    dataFolder,
    agents: bounded(context, 'agents', { fallback: 1, least: 1, most: AGENTS_MAX }),
    simulatedGpus: bounded(context, 'simulatedGpus', { fallback: 2, least: 0, most: GPUS_MAX }),
    driver: driverOf(context),
    grpcPort: bounded(context, 'grpcPort', { fallback: GRPC_PORT, least: 0, most: 65_535 }),
    httpPort: bounded(context, 'httpPort', { fallback: HTTP_PORT, least: 0, most: 65_535 }),
    allowVolatileStore: values.flag('allowVolatileStore'),
    variables: context.variables,
    connectTo: (target) => context.connectTo(target),
    onRestart: (name, how) => context.warn(`the ${name} ended (${how}); starting it again`),
    signal: interrupt,
  });
  try {
    const profile = values.flag('noProfile') ? undefined : await writeProfile(context, cluster);
    await context.print(describe(cluster, dataFolder, profile, context));
    const interrupted = new Promise<void>((done) => {
      if (interrupt.aborted) done();
      interrupt.addEventListener('abort', () => done());
    });
    await Promise.race([interrupted, cluster.failed]);
    return 0;
  } finally {
    context.note('stopping the cluster; jobs that run go on and are taken up at the next start');
    await cluster.close();
  }
}

export function driverOf(context: CommandContext): 'auto' | 'docker' | 'process' {
  const driver = context.values.text('driver');
  return driver === 'docker' || driver === 'process' ? driver : 'auto';
}

function bounded(
  context: CommandContext,
  name: string,
  bounds: { readonly fallback: number; readonly least: number; readonly most: number },
): number {
  const value = context.values.integer(name) ?? bounds.fallback;
  if (value >= bounds.least && value <= bounds.most) return value;
  const flag = `--${toKebabCase(name)}`;
  const reason = `must be between ${bounds.least} and ${bounds.most}`;
  throw usageError('FLAGS_INVALID', `flag ${flag} ${reason}`, 'correct the flag', [{ path: flag, reason }]);
}

/** True when `local` is the profile that commands take without being told. */
async function writeProfile(context: CommandContext, { target, client }: LocalCluster): Promise<boolean> {
  const { defaultProjectId } = await client.whoAmI();
  const stored = await context.profiles.read();
  const current = stored.current ?? PROFILE;
  const profile = {
    url: `https://${target.grpcAddress}`,
    token: target.token,
    ...(target.caPem === undefined ? {} : { ca: target.caPem }),
    // Known here, it saves every later command a call.
    ...(defaultProjectId === undefined ? {} : { project: defaultProjectId }),
  };
  await context.profiles.write({ current, profiles: { ...stored.profiles, [PROFILE]: profile } });
  return current === PROFILE;
}

function describe(
  cluster: LocalCluster,
  dataFolder: string,
  isCurrent: boolean | undefined,
  context: CommandContext,
): string {
  const { target, hosts } = cluster;
  const paint = context.terminal.outStyle;
  const point =
    isCurrent === undefined
      ? `export NABLA_URL=https://${target.grpcAddress} NABLA_CA_FILE=${dataFolder}/controller/tls/ca.pem NABLA_TOKEN=$(cat ${dataFolder}/controller/admin.token)`
      : isCurrent
        ? 'nabla jobs run -- echo hello'
        : 'nabla --profile local jobs run -- echo hello';
  return [
    paint('green', 'The cluster is up.'),
    `  gRPC   ${target.grpcAddress}`,
    `  HTTP   https://${target.httpAddress ?? ''}`,
    `  data   ${dataFolder}`,
    `  logs   ${dataFolder}/logs`,
    ...hosts.map((host) => `  host   ${describeHost(host)}`),
    isCurrent === undefined ? 'Point the command line at it:' : 'Try it in another terminal:',
    // A checkout that nobody linked has no program of that name on the path.
    ...(isOnPath('nabla', context.variables) ? [] : [`  alias nabla='node ${programPath('cli')}'`]),
    `  ${point}`,
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}

function isOnPath(program: string, variables: EnvironmentVariables): boolean {
  const folders = (variables['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Simulated GPUs are always called so. */
export function describeHost(host: HostView): string {
  const models = [...new Set(host.gpus.map((gpu) => `${gpu.model}${gpu.simulated ? ' (simulated)' : ''}`))];
  const gpus = host.gpus.length === 0 ? 'no GPUs' : `${host.gpus.length} × ${models.join(', ')}`;
  return `${host.name}: ${gpus}, ${host.capacity.cpuMilli / 1000} CPUs, drivers ${host.drivers.join(', ')}`;
}
