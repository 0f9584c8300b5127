/**
 * `nabla demo`: everything that Nabla does for one job, on a cluster that exists only for it. Whatever happens, the
 * processes end, the temporary folder goes, and what the job wrote stays.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { isFinished } from '../../../proto/domain/job.ts';
import { requireJobSpec } from '../../../proto/domain/job-validation.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ClusterClient } from '../../client/cluster-client.ts';
import { packSource } from '../../client/pack-source.ts';
import { uploadWorkspace } from '../../client/workspace-upload.ts';
import { createStatusLine } from '../../render/status-line.ts';
import { formatDuration } from '../../render/units-text.ts';
import type { CommandContext } from '../command-tree.ts';
import { followJob } from '../jobs/follow-job.ts';
import { downloadAll } from '../jobs/job-artifacts.ts';
import { createJobOutput } from '../jobs/job-output.ts';
import { exitCodeOf } from '../jobs/job-progress.ts';
import { createHandlers } from '../jobs/run-job.ts';
import { packageRoot } from '../package-root.ts';
import { newRequestId } from '../request-id.ts';
import { describeHost, driverOf } from '../up/run-up.ts';
import { type LocalCluster, startLocalCluster } from '../up/start-local-cluster.ts';
import { usageError } from '../usage-error.ts';
import { createDockerEngine, type DockerEngine, dockerSocket } from './docker-engine.ts';

const TIMEOUT_MS = 5 * 60_000;
const STOP_DEADLINE_MS = 10_000;

interface Demo {
  readonly context: CommandContext;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly startedMs: number;
}

export async function runDemo(context: CommandContext): Promise<number> {
  const interrupt = context.interrupted();
  const timeout = AbortSignal.timeout(timeoutOf(context));
  const folder = await mkdtemp(join(tmpdir(), 'nabla-demo-'));
  const signal = AbortSignal.any([interrupt, timeout]);
  try {
    return await runIn({ context, folder, signal, startedMs: performance.now() });
  } catch (error) {
    throw whyEnded(error, interrupt, timeout);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => {
      context.warn(`the temporary folder ${folder} could not be removed`);
    });
  }
}

function timeoutOf(context: CommandContext): number {
  const text = context.values.text('timeout');
  if (text === undefined) return TIMEOUT_MS;
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value > 0) return parsed.value;
  const reason = parsed.ok ? 'must be above 0' : parsed.reason;
  throw usageError('FLAGS_INVALID', `flag --timeout ${reason}`, 'correct the flag', [
    { path: '--timeout', reason },
  ]);
}

function whyEnded(error: unknown, interrupt: AbortSignal, timeout: AbortSignal): unknown {
  if (interrupt.aborted) {
    return new ClusterError('cancelled', 'INTERRUPTED', 'the demo was interrupted', {
      hint: 'start it again',
      cause: error,
    });
  }
  if (!timeout.aborted) return error;
  return new ClusterError('deadline', 'DEMO_TIMED_OUT', 'the demo did not end in time', {
    hint: 'give it longer with --timeout',
    cause: error,
  });
}

async function runIn(demo: Demo): Promise<number> {
  const { context, folder, signal } = demo;
  const driver = driverOf(context);
  context.note(`starting a cluster of its own in ${folder}`);
  const cluster = await startLocalCluster({
    dataFolder: folder,
    agents: 1,
    simulatedGpus: 1,
    driver,
    grpcPort: 0,
    httpPort: 0,
    allowVolatileStore: true,
    variables: context.variables,
    connectTo: (target) => context.connectTo(target),
    onRestart: (name, how) => context.warn(`the ${name} ended (${how}); starting it again`),
    signal,
  });
  const engine = createDockerEngine(dockerSocket(context.variables));
  let image = '';
  try {
    for (const host of cluster.hosts) context.note(`host ${describeHost(host)}`);
    image = await provideImage(demo, engine, cluster);
    const job = await Promise.race([trainOn(demo, cluster, image), cluster.failed]);
    return await Promise.race([showResult(demo, cluster.client, job), cluster.failed]);
  } finally {
    await cluster.close();
    if (image !== '') {
      await engine.removeImage(image).catch(() => context.warn(`the image ${image} could not be removed`));
    }
  }
}

/** The tag of an imported image, or empty when the job runs as a process. */
async function provideImage(demo: Demo, engine: DockerEngine, cluster: LocalCluster): Promise<string> {
  const { context } = demo;
  const host = cluster.hosts[0];
  if (host?.drivers.includes('docker') !== true) {
    if (driverOf(context) !== 'process') context.note('no Docker engine answers: the job runs as a process');
    return '';
  }
  const tag = `nabla-demo:${process.pid}-${Date.now().toString(36)}`;
  try {
    if (!(await engine.answers())) throw new Error(`nothing answers at ${engine.socket}`);
    const { importNodeImage } = await import('./node-image.ts');
    context.note('making an image of the node program of this machine');
    await importNodeImage(engine, tag);
    return tag;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.note(`no image could be made (${reason}): the job runs as a process`);
    return '';
  }
}

async function trainOn(demo: Demo, cluster: LocalCluster, image: string): Promise<JobView> {
  const { context, signal } = demo;
  const { client } = cluster;
  const { defaultProjectId = '' } = await client.whoAmI();
  const workspace = await uploadExample(demo, client, defaultProjectId);
  const hasGpu = cluster.hosts.some((host) => host.gpus.some((gpu) => gpu.schedulable));
  const spec = requireJobSpec({
    name: 'digits',
    image,
    command: { kind: 'shell', line: 'sh train.sh' },
    workspace,
    resources: hasGpu ? { gpuMilli: 1000 } : {},
    // The node that runs this runs the job too, where there is no Python: it may lie outside the usual folders.
    ...(image === '' ? { env: { PATH: pathWithNode(context.variables['PATH']) } } : {}),
    tags: ['demo'],
  });
  const created = await client.jobs.create({
    project: defaultProjectId,
    spec,
    requestId: newRequestId(),
    dryRun: false,
  });
  const { job } = created;
  if (job === undefined)
    throw new ClusterError('bug', 'JOB_MISSING', 'the controller answered without a job');
  context.note(`job ${job.id}: sh train.sh ${image === '' ? 'as a process' : `in ${image}`}`);
  const line = createStatusLine(context.terminal.stderr, context.terminal.animated);
  const output = createJobOutput(context, { before: () => line.clear(), timestamps: false });
  const ref = { project: defaultProjectId, job: job.id };
  const handlers = createHandlers(context, line, output);
  const end = await followJob({ client, ref, job, attempt: 0, offset: 0, tailLines: 0, signal, handlers });
  line.clear();
  if (end.job === undefined || !isFinished(end.job.state)) {
    await stopJob(client, ref);
    throw new ClusterError('cancelled', 'INTERRUPTED', 'the job was left', { hint: 'start the demo again' });
  }
  return end.job;
}

/** The folder of this node is only added where the path has no node: it may hold more than node. */
function pathWithNode(path: string | undefined): string {
  const folders = (path ?? '').split(delimiter).filter((part) => part !== '');
  if (!folders.some((folder) => existsSync(join(folder, 'node')))) folders.push(dirname(process.execPath));
  return folders.join(delimiter);
}

async function uploadExample(demo: Demo, client: ClusterClient, project: string) {
  const { signal } = demo;
  const example = join(packageRoot(), 'deploy', 'examples', 'digits');
  const archive = await packSource(example, { patterns: [], signal, onProgress: () => undefined });
  const bulk = await client.bulk();
  try {
    await uploadWorkspace({
      bulk,
      project,
      archive,
      signal,
      onProgress: () => undefined,
      onBreak: () => undefined,
    });
    return { kind: 'blob', sha256: archive.sha256, sizeBytes: archive.sizeBytes } as const;
  } finally {
    bulk.close();
    await archive.dispose();
  }
}

/** A process outlives its agent by design, so an abandoned job is ended while somebody still can. */
async function stopJob(
  client: ClusterClient,
  ref: { readonly project: string; readonly job: string },
): Promise<void> {
  const deadline = AbortSignal.timeout(STOP_DEADLINE_MS);
  try {
    await client.jobs.stop({ ...ref, graceMs: 1000 });
    for await (const job of client.jobs.watch(ref, 0, deadline)) {
      if (isFinished(job.state)) return;
    }
  } catch {
    // The cluster is going down anyway; what could be done was tried.
  }
}

async function showResult(demo: Demo, client: ClusterClient, job: JobView): Promise<number> {
  const { context } = demo;
  const code = exitCodeOf(job);
  if (job.state !== 'succeeded') {
    throw new ClusterError('unavailable', 'DEMO_JOB_FAILED', 'the job of the demo did not succeed', {
      details: { state: job.state, exitCode: String(code), reason: job.reasonMessage },
      hint: 'its output is above',
    });
  }
  const wanted = context.values.text('artifactsDir');
  const folder =
    wanted === undefined ? await mkdtemp(join(tmpdir(), 'nabla-demo-artifacts-')) : resolve(wanted);
  const query = { project: job.projectId, job: job.id, attempt: 0, globs: [] };
  const found = await client.jobs.artifacts(query);
  const files = await downloadAll(context, { client, query, found, folder });
  const accuracy = await readAccuracy(join(folder, 'metrics.json'));
  const plot = files.find(({ path }) => path.endsWith('.svg'))?.path;
  const paint = context.terminal.outStyle;
  await context.print(
    [
      paint('green', `The model reads ${(accuracy * 100).toFixed(1)} % of the digits that it has not seen.`),
      `  accuracy   ${accuracy} (read from the downloaded metrics.json)`,
      `  artifacts  ${folder} (${files.length} files)`,
      ...(plot === undefined ? [] : [`  plot       ${plot}`]),
      `  time       ${formatDuration(performance.now() - demo.startedMs)}`,
      '',
    ].join('\n'),
  );
  return 0;
}

/** @throws ClusterError corrupt DEMO_RESULT_INVALID when the file does not hold an accuracy */
async function readAccuracy(path: string): Promise<number> {
  try {
    const { accuracy } = JSON.parse(await readFile(path, 'utf8')) as { accuracy?: unknown };
    if (typeof accuracy === 'number' && accuracy >= 0 && accuracy <= 1) return accuracy;
  } catch {
    // Absent or no JSON: the same answer as a file without the number.
  }
  throw new ClusterError('corrupt', 'DEMO_RESULT_INVALID', 'the downloaded metrics hold no accuracy', {
    details: { path },
    hint: 'look at the files that were downloaded',
  });
}
