#!/usr/bin/env node
/**
 * The nabla-agent program: `nabla-agent` runs the agent of this host, `nabla-agent probe` prints what it would
 * report about GPUs. Reads the command line and the environment, and nothing else does.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGE_VERSION } from '../proto/domain/version.ts';
import {
  type ClusterError,
  isClusterError,
  ClusterError as NablaError,
  toClusterError,
} from '../proto/errors/cluster-error.ts';
import { STATUS_TABLE } from '../proto/errors/status-table.ts';
import { renderConfigFlags } from '../proto/runtime/config.ts';
import { AGENT_CONFIG, type AgentConfig } from './config.ts';

const HELP = `Usage: nabla-agent [flags]
       nabla-agent join --controller URL --ca-sha256 HEX --token-file FILE|-|env [flags]
       nabla-agent probe -o json [--nvidia-smi PATH]

Runs the agent of one GPU host: it dials the controller, and runs, watches and
reports the tasks that are placed here. Tasks outlive it.

A host joins once, with a token of nabla hosts join-token; afterwards nabla-agent
alone is enough.

Example: nabla-agent --labels zone=a --driver docker

`;

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'probe') {
    const { probeCommand } = await import('./probe/probe-command.ts');
    return probeCommand(args.slice(1), (text) => void process.stdout.write(text));
  }
  const isJoin = args[0] === 'join';
  const flags = parseFlags(isJoin ? args.slice(1) : args);
  if (flags['help'] === true) {
    process.stdout.write(HELP + listFlags());
    return 0;
  }
  if (flags['version'] === true) {
    process.stdout.write(`${PACKAGE_VERSION}\n`);
    return 0;
  }
  const config = await loadConfig(flags);
  return isJoin ? joinOnce(config) : run(config);
}

async function loadConfig(flags: Readonly<Record<string, unknown>>): Promise<AgentConfig> {
  const path = flags['config'] ?? process.env['NABLA_AGENT_CONFIG'];
  const { readDocument } = await import('../proto/runtime/config-file.ts');
  const file = typeof path === 'string' && path !== '' ? await readDocument(path) : undefined;
  return AGENT_CONFIG.load({ file, env: process.env, flags });
}

/** Joins and ends; the agent itself is started by whoever runs services. */
async function joinOnce(config: AgentConfig): Promise<number> {
  const [{ createClock }, { createLogger }, { createSystemRng }, { joinHost }, { toLayout }] =
    await Promise.all([
      import('../proto/runtime/clock.ts'),
      import('../proto/runtime/logger.ts'),
      import('../proto/runtime/rng.ts'),
      import('./host-trust.ts'),
      import('./core/layout.ts'),
    ]);
  const clock = createClock();
  const joined = await joinHost({
    config,
    layout: toLayout(dataFolder(config.data)),
    environment: process.env,
    clock,
    rng: createSystemRng(),
    // What happened is printed; lines for a supervisor would only be in the way.
    logger: createLogger({ clock, level: 'error', process: 'agent' }),
  });
  const until = new Date(joined.certificate.notAfterMs).toISOString();
  process.stdout.write(
    `joined as ${joined.hostId}; the certificate is renewed by the agent before ${until}\n`,
  );
  return 0;
}

async function run(config: AgentConfig): Promise<number> {
  const [
    { createClock },
    { createLogger },
    { createLifecycle },
    { createIdSource },
    { createSystemRng },
    { runAgent },
  ] = await Promise.all([
    import('../proto/runtime/clock.ts'),
    import('../proto/runtime/logger.ts'),
    import('../proto/runtime/lifecycle.ts'),
    import('../proto/runtime/id-source.ts'),
    import('../proto/runtime/rng.ts'),
    import('./run-agent.ts'),
  ]);
  const clock = createClock();
  const logger = createLogger({ clock, level: config.logLevel, process: 'agent' });
  const lifecycle = createLifecycle({ logger, clock });
  // Timers of the clock keep nobody alive, and between two connections there may be nothing else.
  const alive = setInterval(() => undefined, 2_147_483_647);
  try {
    const root = dataFolder(config.data);
    const ids = createIdSource(clock);
    const input = {
      config,
      root,
      version: PACKAGE_VERSION,
      environment: process.env,
      clock,
      rng: createSystemRng(),
      ids,
    };
    await runAgent({ ...input, logger, lifecycle });
  } catch (error) {
    await lifecycle.close('start failed');
    throw error;
  } finally {
    if (lifecycle.signal.aborted) clearInterval(alive);
  }
  const code = await lifecycle.closed;
  clearInterval(alive);
  return code;
}

function dataFolder(asked: string): string {
  if (asked !== '') return resolve(asked);
  if (process.getuid?.() === 0) return '/var/lib/nabla/agent';
  const state = process.env['XDG_STATE_HOME'];
  return join(
    state === undefined || state === '' ? join(homedir(), '.local', 'state') : state,
    'nabla',
    'agent',
  );
}

function parseFlags(args: readonly string[]): Readonly<Record<string, unknown>> {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
    config: { type: 'string' },
  };
  for (const { flag, type } of Object.values(AGENT_CONFIG.schema)) {
    options[flag] = { type: type === 'boolean' ? 'boolean' : 'string' };
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    const [reason = ''] = String((error as Error).message).split('. ');
    throw new NablaError('invalid', 'ARGUMENTS_INVALID', 'the command line cannot be understood', {
      hint: `${reason.charAt(0).toLowerCase()}${reason.slice(1)}; see nabla-agent --help`,
    });
  }
}

function listFlags(): string {
  return `Flags:\n${renderConfigFlags(AGENT_CONFIG.schema)}  ${'--config'.padEnd(16)}  YAML file with any of these keys\n`;
}

function tell(error: ClusterError): void {
  const fields = error.fields.map(({ path, reason }) => `\n  ${path} ${reason}`).join('');
  const where = error.details['path'] === undefined ? '' : ` (${error.details['path']})`;
  const hint = error.hint === '' ? '' : `\nhint: ${error.hint}`;
  const bug =
    error.kind === 'bug' ? `\n${(error.cause as Error | undefined)?.stack ?? error.stack ?? ''}` : '';
  process.stderr.write(`error: ${error.message}${where}${fields}${hint}${bug}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const told = isClusterError(error) ? error : toClusterError(error);
  tell(told);
  process.exitCode = STATUS_TABLE[told.kind].exitCode;
}
