#!/usr/bin/env node
/**
 * The controller as a process: reads its configuration, starts it, says why in one sentence when it cannot, and ends
 * it in order on SIGTERM.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGE_VERSION } from '../proto/domain/version.ts';
import { ClusterError, toClusterError } from '../proto/errors/cluster-error.ts';
import { STATUS_TABLE } from '../proto/errors/status-table.ts';
import { createClock } from '../proto/runtime/clock.ts';
import { renderConfigFlags } from '../proto/runtime/config.ts';
import { readDocument } from '../proto/runtime/config-file.ts';
import { createIdSource } from '../proto/runtime/id-source.ts';
import { createLifecycle, type Lifecycle } from '../proto/runtime/lifecycle.ts';
import { createLogger } from '../proto/runtime/logger.ts';
import { createSystemRng } from '../proto/runtime/rng.ts';
import { type ControllerConfig, controllerConfig } from './config.ts';
import type { ControllerSettings } from './controller-options.ts';
import { startLoopGauge } from './effects/loop-gauge.ts';
import { isToolName, runTool, type ToolName } from './offline-tools.ts';
import { startController } from './start-controller.ts';

/** Longest orderly end; what is not done by then is made good by the next start. */
const CLOSE_TIMEOUT_MS = 10_000;
const EXIT_FENCED = STATUS_TABLE.conflict.exitCode;

const OWN_FLAGS = {
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
  /** Of the tools: machine-readable output. */
  json: { type: 'boolean' },
} as const;

type Flags = Readonly<Record<string, unknown>>;

/** @throws ClusterError invalid FLAG_INVALID */
function readFlags(args: readonly string[]): Flags {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = { ...OWN_FLAGS };
  for (const key of Object.values(controllerConfig.schema)) {
    options[key.flag] = { type: key.type === 'boolean' ? 'boolean' : 'string' };
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
    throw new ClusterError('invalid', 'FLAG_INVALID', 'the command line is not valid', {
      fields: [{ path: 'command line', reason }],
      hint: 'see nabla-controller --help',
    });
  }
}

async function readConfig(flags: Flags): Promise<ControllerConfig> {
  const { config } = flags;
  const file = typeof config === 'string' ? await readDocument(config) : undefined;
  return controllerConfig.load({ file, env: process.env, flags });
}

function defaultDataFolder(): string {
  if (process.getuid?.() === 0) return '/var/lib/nabla';
  const state = process.env['XDG_STATE_HOME'] ?? '';
  return join(state === '' ? join(homedir(), '.local', 'state') : state, 'nabla');
}

function toSettings(config: ControllerConfig): ControllerSettings {
  const {
    data,
    heartbeatPeriod: heartbeatMs,
    ballastBytes,
    lostAfter,
    selfFence,
    firstCallWithin,
    ...rest
  } = config;
  const { agentCertificateLife: agentCertificateLifeMs, agentCertificateGrace: agentCertificateGraceMs } =
    config;
  const { diskSubmitFreeMin: submitFreeBytes, diskWriteFreeMin: writeFreeBytes } = config;
  const folder = join(data === '' ? defaultDataFolder() : resolve(data), 'controller');
  const disk = { submitFreeBytes, writeFreeBytes, ballastBytes };
  const certificates = { agentCertificateLifeMs, agentCertificateGraceMs };
  const times = { heartbeatMs, lostAfterMs: lostAfter, selfFenceMs: selfFence, firstCallMs: firstCallWithin };
  return { ...rest, ...times, ...certificates, folder, disk };
}

/** One sentence, the fields that are wrong, and the exit code of the error's kind. */
function sayWhy(error: unknown): number {
  const { kind, message, hint, fields, details } = toClusterError(error);
  const named = [details['path'], details['folder'], details['address']].find((text) => text !== undefined);
  const place = named === undefined ? '' : ` (${named})`;
  process.stderr.write(`nabla-controller: ${message}${place}${hint === '' ? '' : `; ${hint}`}\n`);
  for (const { path, reason } of fields) process.stderr.write(`  ${path}: ${reason}\n`);
  if (kind === 'bug') process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return STATUS_TABLE[kind].exitCode;
}

function showHelp(): void {
  process.stdout.write(
    'nabla-controller: decides what runs where, keeps the cluster, serves its API\n\n' +
      'Usage: nabla-controller [--config FILE] [--KEY VALUE]...\n' +
      '       nabla-controller restore FILE --data FOLDER [--json]   make a new data folder out of a backup\n' +
      '       nabla-controller fsck --data FOLDER [--json]           check a data folder that is not in use\n\n' +
      `Flags, each with its default, its range and the variable that says the same:\n${renderConfigFlags(controllerConfig.schema)}`,
  );
}

async function run(flags: Flags): Promise<number> {
  const config = await readConfig(flags);
  const clock = createClock();
  const logger = createLogger({ clock, level: config.logLevel, process: 'controller' });
  const lifecycle = createLifecycle({ logger, clock, closeTimeoutMs: CLOSE_TIMEOUT_MS });
  const ending: { code?: number } = {};
  try {
    const controller = await startController({
      settings: toSettings(config),
      clock,
      logger,
      ids: createIdSource(clock),
      rng: createSystemRng(),
      signal: lifecycle.signal,
      onFatal: (error) => endFatally(error, lifecycle, ending),
    });
    if (lifecycle.signal.aborted) {
      await controller.close();
      return await lifecycle.closed;
    }
    const gauge = startLoopGauge(clock, logger, () => void controller.engine.stillLeads());
    lifecycle.onClose('controller', () => controller.close());
    lifecycle.onClose('loop gauge', () => gauge.close());
    // The ready line: supervisors and `nabla up` wait for it.
    const { grpcAddress: grpc, httpAddress: http } = controller;
    process.stdout.write(`${JSON.stringify({ ready: true, grpc, http, pid: process.pid })}\n`);
    const code = await lifecycle.closed;
    return ending.code ?? code;
  } catch (error) {
    // Who told it to end is not told that it could not start.
    if (lifecycle.signal.aborted) return ending.code ?? (await lifecycle.closed);
    await lifecycle.close('start failed');
    return sayWhy(error);
  }
}

/** A newer leader is no fault of ours and ends in order; anything else may have parted memory and disk. */
function endFatally(error: ClusterError, lifecycle: Lifecycle, ending: { code?: number }): void {
  if (error.kind !== 'conflict') {
    lifecycle.crash(error);
    return;
  }
  ending.code = EXIT_FENCED;
  sayWhy(error);
  void lifecycle.close('fenced');
}

/** The file of a restore stands first; everything else is flags of the controller. */
async function runToolLine(name: ToolName, words: readonly string[]): Promise<number> {
  const file = words[0]?.startsWith('-') === false ? words[0] : '';
  const flags = readFlags(file === '' ? words : words.slice(1));
  const { data } = await readConfig({ ...flags, json: undefined });
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  return await runTool({
    name,
    file,
    data,
    json: flags['json'] === true,
    nowMs: createClock().nowMs(),
    print,
  });
}

async function main(): Promise<number> {
  // Nothing this process makes is for others to read.
  process.umask(0o077);
  try {
    const [first = '', ...others] = process.argv.slice(2);
    if (isToolName(first)) return await runToolLine(first, others);
    const flags = readFlags(process.argv.slice(2));
    if (flags['version'] === true) process.stdout.write(`${PACKAGE_VERSION}\n`);
    else if (flags['help'] === true) showHelp();
    else return await run(flags);
    return 0;
  } catch (error) {
    return sayWhy(error);
  }
}

process.exitCode = await main();
