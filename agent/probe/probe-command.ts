/**
 * `nabla-agent probe`: prints what the agent would report about this host's GPUs and exits. A look at a sick
 * driver is still a look: it ends with 0 and says what is wrong in `conditions`.
 */
import { parseArgs } from 'node:util';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import type { GpuReport, ProbedGpu } from './probe-port.ts';
import { PROBE_MODES, type ProbeMode, selectGpuProbe } from './select-probe.ts';
import { SIMULATED_GPUS_MAX } from './simulated-probe.ts';

/** One GPU as the command prints it; what is unknown is left out. */
export interface PrintedGpu {
  readonly uuid: string;
  readonly index: number;
  readonly model?: string;
  readonly memoryBytes?: number;
  readonly migMode: boolean;
  readonly mig: readonly {
    readonly uuid?: string;
    readonly profile?: string;
    readonly memoryBytes?: number;
  }[];
  readonly telemetry: ProbedGpu['telemetry'];
}

/** The document that `-o json` prints. Stable: scripts and tests read it. */
export interface ProbeOutput {
  readonly driverVersion: string;
  readonly gpus: readonly PrintedGpu[];
  readonly conditions: readonly {
    readonly code: string;
    readonly gpuUuid?: string;
    readonly message: string;
  }[];
  readonly topology?: GpuReport['topology'];
}

export interface ProbeCommandContext {
  readonly clock?: Clock;
  /** Environment of the tool that is asked. Absent: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const HELP = `Usage: nabla-agent probe [-o json] [--nvidia-smi PATH] [--probe MODE] [--simulate N]

Prints what the agent reports about the GPUs of this host, and exits with 0 even
when the driver is sick: look at "conditions".

  -o, --output json    output format (the only one, and the default)
  --nvidia-smi PATH    ask this program instead of the nvidia-smi on PATH
  --probe MODE         ${PROBE_MODES.join(', ')} (default nvidia-smi)
  --simulate N         the number of GPUs that --probe simulated makes up (1 to ${SIMULATED_GPUS_MAX})

Example: nabla-agent probe -o json --nvidia-smi /usr/bin/nvidia-smi
`;

/**
 * Runs the command with the words after `probe`, writes through `out`, and answers with the exit code.
 *
 * @throws ClusterError PROBE_ARGUMENTS_INVALID when the words cannot be understood; nothing is printed then.
 */
export async function probeCommand(
  args: readonly string[],
  out: (text: string) => void,
  context: ProbeCommandContext = {},
): Promise<number> {
  const choice = parseChoice(args);
  if (choice === 'help') {
    out(HELP);
    return 0;
  }
  const { environment } = context;
  const probe = await selectGpuProbe({
    ...choice,
    clock: context.clock ?? createClock(),
    ...(environment === undefined ? {} : { environment }),
  });
  out(`${JSON.stringify(toProbeOutput(await probe.collect()), null, 2)}\n`);
  return 0;
}

/** A report in the shape of the command's output: one row per GPU in index order. */
export function toProbeOutput(report: GpuReport): ProbeOutput {
  return {
    driverVersion: report.driverVersion,
    gpus: report.gpus.map((gpu) => ({
      uuid: gpu.uuid,
      index: gpu.index,
      ...(gpu.model === '' ? {} : { model: gpu.model }),
      ...(gpu.memoryBytes === 0 ? {} : { memoryBytes: gpu.memoryBytes }),
      migMode: gpu.migMode,
      mig: gpu.mig.map((slice) => ({
        ...(slice.uuid === '' ? {} : { uuid: slice.uuid }),
        ...(slice.profile === '' ? {} : { profile: slice.profile }),
        ...(slice.memoryBytes === 0 ? {} : { memoryBytes: slice.memoryBytes }),
      })),
      telemetry: gpu.telemetry,
    })),
    conditions: report.conditions.map(({ code, gpuUuid, message }) =>
      gpuUuid === undefined ? { code, message } : { code, gpuUuid, message },
    ),
    ...(report.topology === undefined ? {} : { topology: report.topology }),
  };
}

interface Choice {
  readonly mode: ProbeMode;
  readonly nvidiaSmiPath?: string;
  readonly simulated?: { readonly count: number; readonly seed: string };
}

function parseChoice(args: readonly string[]): Choice | 'help' {
  const { output, probe, simulate, help, ...rest } = parseFlags(args);
  if (help === true) return 'help';
  if (output !== undefined && output !== 'json')
    throw refused('the output format is not known', 'use -o json');
  const mode = PROBE_MODES.find(
    (known) => known === (probe ?? (simulate === undefined ? 'nvidia-smi' : 'simulated')),
  );
  if (mode === undefined)
    throw refused('the probe mode is not known', `use one of ${PROBE_MODES.join(', ')}`);
  const count = Number(simulate ?? 1);
  if (!Number.isInteger(count) || count < 1 || count > SIMULATED_GPUS_MAX) {
    throw refused('the number of simulated GPUs is out of range', `give 1 to ${SIMULATED_GPUS_MAX}`);
  }
  const nvidiaSmiPath = rest['nvidia-smi'];
  if (nvidiaSmiPath === '') throw refused('the path of nvidia-smi is empty', 'give the path of the program');
  return {
    mode,
    ...(nvidiaSmiPath === undefined ? {} : { nvidiaSmiPath }),
    ...(mode === 'simulated' ? { simulated: { count, seed: 'probe' } } : {}),
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        output: { type: 'string', short: 'o' },
        'nvidia-smi': { type: 'string' },
        probe: { type: 'string' },
        simulate: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('. ')[0] : undefined;
    throw refused(
      'the arguments cannot be understood',
      `${reason ?? 'see --help'}; see nabla-agent probe --help`,
    );
  }
}

function refused(message: string, hint: string): ClusterError {
  return new ClusterError('invalid', 'PROBE_ARGUMENTS_INVALID', message, { hint });
}
