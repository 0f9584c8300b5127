/**
 * The outputs of a job: list, print one, download, destroy.
 */
import { mkdir } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { artifactJson } from '../../../proto/domain/record-json.ts';
import type { Artifact } from '../../../proto/domain/views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { downloadArtifact } from '../../client/artifact-download.ts';
import type { ArtifactQuery, ClusterClient } from '../../client/cluster-client.ts';
import { toFileError } from '../../client/file-error.ts';
import { ARTIFACT_LOOK } from '../../render/looks.ts';
import { createStatusLine } from '../../render/status-line.ts';
import { formatBytes } from '../../render/units-text.ts';
import type { CommandContext } from '../command-tree.ts';
import { usageError } from '../usage-error.ts';

/** Files downloaded at once. */
const DOWNLOADS_MAX = 4;

async function queryOf(context: CommandContext): Promise<ArtifactQuery> {
  return {
    project: await context.requireProject(),
    job: context.argument('job'),
    attempt: context.values.integer('attempt') ?? 0,
    globs: context.values.list('files'),
  };
}

/** The artifacts that globs and paths name; a path names a file or everything in a folder. */
async function findArtifacts(
  client: ClusterClient,
  query: ArtifactQuery,
  paths: readonly string[],
): Promise<readonly Artifact[]> {
  const all = await client.jobs.artifacts(query);
  if (paths.length === 0) return all;
  const wanted = paths.map((path) => path.replace(/^\.?\/+|\/+$/g, ''));
  const missing = wanted.find((path) => !all.some((artifact) => isAt(artifact.path, path)));
  if (missing !== undefined) {
    throw new ClusterError('not-found', 'ARTIFACT_NOT_FOUND', 'no such artifact', {
      details: { path: missing },
      hint: 'nabla jobs artifacts list JOB shows them',
    });
  }
  return all.filter((artifact) => wanted.some((path) => isAt(artifact.path, path)));
}

function isAt(path: string, wanted: string): boolean {
  return wanted === '' || path === wanted || path.startsWith(`${wanted}/`);
}

export async function listArtifacts(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const found = await findArtifacts(client, await queryOf(context), context.arguments('path'));
  await context.printRecords(found.map(artifactJson), ARTIFACT_LOOK);
  return 0;
}

/** One file, or a range of it, to stdout. */
export async function getArtifact(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const query = await queryOf(context);
  const job = await client.jobs.get(query);
  const range = context.values.text('range');
  if (range !== undefined && !/^(bytes=)?(\d*-\d*)$/.test(range)) {
    throw usageError('FLAGS_INVALID', 'flag --range must be FIRST-LAST', 'write for example --range 0-1023', [
      { path: '--range', reason: 'must be FIRST-LAST, FIRST- or -LENGTH' },
    ]);
  }
  const bulk = await client.bulk();
  const interrupt = context.interrupted();
  try {
    const answer = await bulk.artifact(
      {
        project: job.projectId,
        job: job.id,
        attempt: query.attempt,
        path: context.argument('path'),
        ...(range === undefined ? {} : { range: `bytes=${range.replace('bytes=', '')}` }),
      },
      interrupt,
    );
    await pipeline(answer.body, context.terminal.stdout, { end: false });
  } finally {
    bulk.close();
  }
  return 0;
}

export async function downloadArtifacts(context: CommandContext): Promise<number> {
  const folder = context.values.text('destinationDir') ?? '.';
  const client = await context.connect();
  const query = await queryOf(context);
  const found = await findArtifacts(client, query, context.arguments('path'));
  const done = await downloadAll(context, { client, query, found, folder });
  const unchanged = done.filter((one) => one.unchanged).length;
  const note = unchanged === 0 ? '' : `, ${unchanged} of them unchanged`;
  context.note(`downloaded ${done.length} files to ${folder}${note}`);
  if (done.length === 0) context.note('the job has no artifacts that match');
  return 0;
}

export interface DownloadPlan {
  readonly client: ClusterClient;
  readonly query: ArtifactQuery;
  readonly found: readonly Artifact[];
  readonly folder: string;
}

/** Downloads all files, a few at once, with one line of progress. */
export async function downloadAll(context: CommandContext, plan: DownloadPlan) {
  const { client, found, folder } = plan;
  await mkdir(folder, { recursive: true }).catch((error: unknown) =>
    Promise.reject(toFileError(error, folder)),
  );
  const job = await client.jobs.get(plan.query);
  const bulk = await client.bulk();
  const interrupt = context.interrupted();
  const line = createStatusLine(context.terminal.stderr, context.terminal.animated);
  const total = found.reduce((sum, artifact) => sum + artifact.sizeBytes, 0);
  let received = 0;
  const waiting = [...found];
  const done: { readonly path: string; readonly unchanged: boolean }[] = [];
  const worker = async (): Promise<void> => {
    for (let artifact = waiting.shift(); artifact !== undefined; artifact = waiting.shift()) {
      const request = {
        bulk,
        project: job.projectId,
        job: job.id,
        artifact,
        folder,
        signal: interrupt,
      };
      const onBytes = (count: number): void => {
        received += count;
        line.show(`downloading: ${formatBytes(received)} of ${formatBytes(total)}`);
      };
      done.push(await downloadArtifact({ ...request, onBytes }));
    }
  };
  try {
    await Promise.all(Array.from({ length: DOWNLOADS_MAX }, worker));
    return done;
  } finally {
    line.clear();
    bulk.close();
  }
}

export async function destroyArtifacts(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const query = await queryOf(context);
  const { destroyed, freedBytes } = await client.jobs.destroyArtifacts(query);
  context.note(`destroyed ${destroyed} files (${formatBytes(freedBytes)})`);
  return 0;
}
