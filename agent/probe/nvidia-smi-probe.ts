/**
 * Our own collector on NVIDIA's `nvidia-smi`: the shell around the parsers. It calls the tool, bounded in time
 * and output, one call at a time, backs off from a driver that hangs, and reports whatever could be learned.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { type BoundedCommand, type CommandOutcome, createBoundedCommand } from './bounded-command.ts';
import { type GpuElement, toGpuElement } from './gpu-element.ts';
import { type ListedGpu, parseGpuList } from './gpu-list.ts';
import { emptyReport, type ReportParts, toGpuReport } from './gpu-report.ts';
import { failureFindings, warningFindings } from './nvidia-smi-error.ts';
import { createProbeBackoff, isHang } from './probe-backoff.ts';
import type { Finding } from './probe-condition.ts';
import type { GpuProbe, GpuProbeSource, GpuReport } from './probe-port.ts';
import { CSV_FIELDS, findUnknownField, parseQueryCsv } from './query-csv.ts';
import { hasSmiDocument, parseSmiDocument } from './smi-document.ts';
import { parseTopologyMatrix, type TopologyRow } from './topology-matrix.ts';
import { parseXmlElement } from './xml-tree.ts';

export interface NvidiaSmiOptions {
  /** Name on PATH or path of the tool. */
  readonly file: string;
  readonly clock: Clock;
  /** Environment of the tool; LC_ALL is set over it. Absent: that of this process, as it is. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Per call of the tool. Default 15 s: a cold driver without persistence mode needs seconds per GPU. */
  readonly timeoutMs?: number;
  /** Default 2 s. */
  readonly killGraceMs?: number;
}

/** What one call for the document gave, from whatever reads it. */
export interface DocumentAnswer
  extends Pick<ReportParts, 'driverVersion' | 'elements' | 'unreadableGpus' | 'truncated'> {
  readonly attachedGpus?: number;
  readonly findings: readonly Finding[];
}

/** Either facts, or the reasons why there are none. */
export type DocumentResult = { readonly answer: DocumentAnswer } | { readonly failure: readonly Finding[] };

const TIMEOUT_MS = 15_000;
const KILL_GRACE_MS = 2_000;
/** The largest real document is 357 kB (8 boards, 2025); the bound leaves room for a hundred times that. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;
const TOPOLOGY_EVERY_MS = 600_000;
const TOPOLOGY_RETRY_MS = 60_000;

export interface SmiCollectorOptions {
  readonly source: GpuProbeSource;
  readonly clock: Clock;
  /** For `-L` and `topo -m`. */
  readonly command: BoundedCommand;
  readonly readDocument: (signal: AbortSignal | undefined) => Promise<DocumentResult>;
}

/** A collector around any way to get the document; shared by every adapter that ends in nvidia-smi. */
export function createSmiCollector(options: SmiCollectorOptions): GpuProbe {
  const { source, clock, command, readDocument } = options;
  const backoff = createProbeBackoff(clock);
  const topology = createTopologyReader(clock, command);
  let inFlight: Promise<GpuReport> | undefined;

  async function look(signal: AbortSignal | undefined): Promise<GpuReport> {
    const quiet = backoff.quiet();
    if (quiet !== undefined) return emptyReport([quiet], clock.nowMs(), 'failed');
    const result = await readDocument(signal);
    throwIfAborted(signal);
    const reported = 'failure' in result ? result.failure : result.answer.findings;
    const hang = backoff.learn(reported);
    const findings = reported.map((finding) => (hang !== undefined && isHang(finding) ? hang : finding));
    if ('failure' in result) {
      const noDevices = findings.some((finding) => finding.code === 'NO_DEVICES');
      return emptyReport(findings, clock.nowMs(), noDevices ? 'whole' : 'failed');
    }
    const { answer } = result;
    // A driver that just hung is not asked two more questions.
    const ask = answer.elements.length > 0 && hang === undefined;
    const list = ask ? await readList(command, findings, signal) : undefined;
    const rows = ask ? await topology(answer.elements, findings, signal) : undefined;
    throwIfAborted(signal);
    return toGpuReport({ ...answer, list, topology: rows, findings, nowMs: clock.nowMs() });
  }

  return {
    source,
    async collect(signal) {
      throwIfAborted(signal);
      inFlight ??= look(signal).finally(() => {
        inFlight = undefined;
      });
      return inFlight;
    },
  };
}

type TopologyReader = (
  elements: readonly GpuElement[],
  findings: Finding[],
  signal: AbortSignal | undefined,
) => Promise<readonly TopologyRow[] | undefined>;

/** Reads the matrix rarely: it is slow, and it changes only with the set of GPUs. */
function createTopologyReader(clock: Clock, command: BoundedCommand): TopologyReader {
  let cache:
    | {
        readonly key: string;
        readonly untilMs: number;
        readonly rows?: readonly TopologyRow[];
        readonly finding?: Finding;
      }
    | undefined;
  return async (elements, findings, signal) => {
    const key = elements.map((element) => element.uuid ?? '').join(' ');
    if (cache === undefined || cache.key !== key || clock.monotonicMs() >= cache.untilMs) {
      const outcome = await command.run(['topo', '-m'], signal);
      const rows = parseTopologyMatrix(outcome.stdout);
      const nowMs = clock.monotonicMs();
      cache =
        rows === undefined
          ? {
              key,
              untilMs: nowMs + TOPOLOGY_RETRY_MS,
              finding: { code: 'TOPOLOGY_UNAVAILABLE', message: whyUnread('nvidia-smi topo -m', outcome) },
            }
          : { key, untilMs: nowMs + TOPOLOGY_EVERY_MS, rows };
    }
    if (cache.finding !== undefined) findings.push(cache.finding);
    return cache.rows;
  };
}

/** The collector on the tool's XML, with its CSV in reserve. */
export function createNvidiaSmiProbe(options: NvidiaSmiOptions): GpuProbe {
  const command = createSmiCommand(options);
  const readDocument = async (signal: AbortSignal | undefined): Promise<DocumentResult> => {
    const outcome = await command.run(['-q', '-x'], signal);
    if (hasSmiDocument(outcome.stdout)) return { answer: await readXml(outcome) };
    const failure = failureFindings(outcome);
    // Only an answer that nobody understands is worth a second question; a clear verdict is an answer.
    if (failure[0]?.code !== 'PROBE_FAILED' || outcome.end !== 'exited') return { failure };
    const answer = await readCsv(command, failure, signal);
    return answer === undefined ? { failure } : { answer };
  };
  return createSmiCollector({ source: 'nvidia-smi', clock: options.clock, command, readDocument });
}

/** The tool itself, guarded: at most one process of it at any time. */
export function createSmiCommand(options: NvidiaSmiOptions): BoundedCommand {
  return createBoundedCommand({
    file: options.file,
    clock: options.clock,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    killGraceMs: options.killGraceMs ?? KILL_GRACE_MS,
    outputBytesMax: OUTPUT_BYTES_MAX,
  });
}

/** Parses GPU by GPU with a turn of the event loop between them, so that 16 GPUs delay nobody. */
async function readXml(outcome: CommandOutcome): Promise<DocumentAnswer> {
  const document = parseSmiDocument(outcome.stdout);
  const elements: GpuElement[] = [];
  for (const text of document.gpuTexts) {
    await nextTurn();
    const tree = parseXmlElement(text, 'gpu');
    if (tree !== undefined) elements.push(toGpuElement(tree));
  }
  return {
    driverVersion: document.driverVersion,
    ...(document.attachedGpus === undefined ? {} : { attachedGpus: document.attachedGpus }),
    elements,
    unreadableGpus: document.gpuTexts.length - elements.length + document.droppedGpus,
    truncated: document.truncated,
    // A cut-off output says so by itself.
    findings: warningFindings(outcome).filter((finding) => finding.code !== 'PROBE_OUTPUT_TRUNCATED'),
  };
}

async function readCsv(
  command: BoundedCommand,
  reasons: readonly Finding[],
  signal: AbortSignal | undefined,
): Promise<DocumentAnswer | undefined> {
  let fields = CSV_FIELDS;
  // Each round drops the one field that the tool refused, so the rounds are bounded by the fields.
  for (let round = 0; round < CSV_FIELDS.length; round += 1) {
    const outcome = await command.run([`--query-gpu=${fields.join(',')}`, '--format=csv'], signal);
    const unknown = findUnknownField(`${outcome.stdout}\n${outcome.stderr}`);
    if (unknown !== undefined && fields.includes(unknown)) {
      fields = fields.filter((field) => field !== unknown);
      continue;
    }
    const csv = parseQueryCsv(outcome.stdout);
    if (csv === undefined || csv.elements.length === 0) return undefined;
    const findings: readonly Finding[] = [
      ...reasons,
      { code: 'PROBE_FALLBACK', message: 'the XML of nvidia-smi cannot be read, its CSV was used' },
      ...warningFindings(outcome),
    ];
    const { unreadableLines, ...facts } = csv;
    return { ...facts, unreadableGpus: unreadableLines, truncated: false, findings };
  }
  return undefined;
}

async function readList(
  command: BoundedCommand,
  findings: Finding[],
  signal: AbortSignal | undefined,
): Promise<readonly ListedGpu[] | undefined> {
  const outcome = await command.run(['-L'], signal);
  const list = parseGpuList(outcome.stdout);
  if (list.length > 0) return list;
  findings.push({ code: 'MIG_LIST_FAILED', message: whyUnread('nvidia-smi -L', outcome) });
  return undefined;
}

function whyUnread(what: string, outcome: CommandOutcome): string {
  const reason = failureFindings(outcome)[0]?.message ?? 'nothing was printed';
  return `${what} gave nothing to read: ${reason}`;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new ClusterError('cancelled', 'PROBE_CANCELLED', 'the look at the GPUs was given up', {
    hint: 'nothing needs to be done',
  });
}
