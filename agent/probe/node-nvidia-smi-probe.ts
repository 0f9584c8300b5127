/**
 * The same collector with node-nvidia-smi reading the document, for those who prefer that library. It is kept
 * in a killable child, pointed at the chosen tool by a folder in front of PATH, and its several ways of saying
 * nothing are told apart from success.
 */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BoundedCommand, type CommandOutcome, createBoundedCommand } from './bounded-command.ts';
import { parseCount } from './field-value.ts';
import { toGpuElement } from './gpu-element.ts';
import { failureFindings } from './nvidia-smi-error.ts';
import {
  createSmiCollector,
  createSmiCommand,
  type DocumentResult,
  type NvidiaSmiOptions,
} from './nvidia-smi-probe.ts';
import { quoteForeign } from './probe-condition.ts';
import type { GpuProbe } from './probe-port.ts';
import { elementAt, elementsAt, isElement, textAt, type XmlElement } from './xml-tree.ts';

const TIMEOUT_MS = 20_000;
const KILL_GRACE_MS = 2_000;
/** Where the shell and the tool are when nobody says otherwise. */
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin';
/** The library itself gives up at 1 MiB of XML; as JSON that is less. */
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/** A probe whose document comes through node-nvidia-smi. `options.timeoutMs` bounds the child. */
export function createNodeNvidiaSmiProbe(options: NvidiaSmiOptions): GpuProbe {
  const child = fileURLToPath(import.meta.url).replace(/-probe\.([jt]s)$/, '-child.$1');
  let command: BoundedCommand | undefined;
  const readDocument = async (signal: AbortSignal | undefined): Promise<DocumentResult> => {
    // Each call needs an environment of its own, so the guard of the earlier one is asked by hand.
    if (command?.running === true)
      return { failure: failureFindings({ end: 'busy', stdout: '', stderr: '' }) };
    return withToolOnPath(options, async (environment) => {
      command = createBoundedCommand({
        file: process.execPath,
        clock: options.clock,
        environment,
        timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
        killGraceMs: options.killGraceMs ?? KILL_GRACE_MS,
        outputBytesMax: OUTPUT_BYTES_MAX,
      });
      return toDocument(await command.run([child], signal));
    });
  };
  return createSmiCollector({
    source: 'node-nvidia-smi',
    clock: options.clock,
    command: createSmiCommand(options),
    readDocument,
  });
}

/** The library runs whatever `nvidia-smi` is first on PATH, through a shell. A link decides which one that is. */
async function withToolOnPath<T>(
  options: NvidiaSmiOptions,
  use: (environment: Readonly<Record<string, string | undefined>>) => Promise<T>,
): Promise<T> {
  const environment = options.environment ?? { PATH: SYSTEM_PATH };
  if (options.file === 'nvidia-smi') return use(environment);
  const folder = await mkdtemp(join(tmpdir(), 'nabla-nvidia-smi-'));
  try {
    await symlink(resolve(options.file), join(folder, 'nvidia-smi'));
    const path = environment['PATH'];
    return await use({
      ...environment,
      PATH: path === undefined ? folder : `${folder}${delimiter}${path}`,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toDocument(outcome: CommandOutcome): DocumentResult {
  if (outcome.end !== 'exited') return { failure: failureFindings(outcome) };
  const answer = parseAnswer(outcome.stdout);
  if (answer === undefined) return { failure: failureFindings(outcome) };
  if ('error' in answer) return { failure: libraryFailure(answer.error) };
  const log = elementAt(answer.tree, 'nvidia_smi_log');
  if (log === undefined) return { failure: libraryFailure('the tool printed nothing') };
  const attachedGpus = parseCount(textAt(log, 'attached_gpus'));
  return {
    answer: {
      driverVersion: textAt(log, 'driver_version') ?? '',
      ...(attachedGpus === undefined ? {} : { attachedGpus }),
      elements: elementsAt(log, 'gpu').map((gpu) => toGpuElement(withoutBulk(gpu))),
      unreadableGpus: 0,
      truncated: false,
      findings: [],
    },
  };
}

function parseAnswer(text: string): { readonly tree: XmlElement } | { readonly error: string } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // Not one line of JSON: the child broke, and its end is reported instead.
    return undefined;
  }
  if (!isElement(answer)) return undefined;
  const { tree, error } = answer;
  if (typeof error === 'string') return { error };
  return { tree: isElement(tree) ? tree : {} };
}

/** The library drops the tool's own words on failure; what is left is put through the same translation. */
function libraryFailure(message: string): ReturnType<typeof failureFindings> {
  const missing = /not found|ENOENT/i.test(message);
  if (missing) return [{ code: 'NVIDIA_SMI_MISSING', message: 'nvidia-smi was not found' }];
  return [{ code: 'PROBE_FAILED', message: `node-nvidia-smi gave no data: ${quoteForeign(message)}` }];
}

/** Users choose the names of processes: they must not be mistaken for a driver's words. */
function withoutBulk(gpu: XmlElement): XmlElement {
  const { processes: _, accounted_processes: __, supported_clocks: ___, ...rest } = gpu;
  return rest;
}
