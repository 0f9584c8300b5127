/**
 * Submits a job: reads flags and file, packs and uploads the workspace, creates the job once.
 */
import type { JobSpec, Workspace } from '../../../proto/domain/job.ts';
import { requireJobSpec } from '../../../proto/domain/job-validation.ts';
import type { DryRunPlan, JobView } from '../../../proto/domain/views.ts';
import type { ClusterClient } from '../../client/cluster-client.ts';
import { createStatusLine, type StatusLine } from '../../render/status-line.ts';
import { formatBytes } from '../../render/units-text.ts';
import type { CommandContext } from '../command-tree.ts';
import { newRequestId } from '../request-id.ts';
import { type CheckedRequest, nameFlags, readJobRequest } from './job-flags.ts';

export interface Submission {
  readonly client: ClusterClient;
  readonly project: string;
  readonly job?: JobView;
  readonly plan?: DryRunPlan;
  /** Of an array: its id, and those of its elements in their order. */
  readonly arrayId?: string;
  readonly jobIds?: readonly string[];
}

/** @throws ClusterError with fields named by the user's flags */
export async function submitJob(
  context: CommandContext,
  options: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<Submission> {
  // The connection is made while the request is read; what is wrong with the request is told first.
  const connecting = context.connect();
  connecting.catch(() => undefined);
  const request = readJobRequest(context, await readDocument(context));
  const project = context.values.text('project') ?? request.project ?? (await context.project());
  const client = await connecting;
  const line = createStatusLine(context.terminal.stderr, context.terminal.animated);
  try {
    const { workspacePath } = request;
    const workspace =
      workspacePath === undefined
        ? undefined
        : await provideWorkspace(context, {
            request,
            workspacePath,
            project: project === '' ? await context.requireProject() : project,
            client,
            line,
            ...options,
          });
    const spec: JobSpec = requireJobSpec({
      ...request.input,
      ...(workspace === undefined ? {} : { workspace }),
    });
    const created = await client.jobs.create({
      project,
      spec,
      requestId: newRequestId(),
      dryRun: options.dryRun,
      ...(request.hold === undefined ? {} : { hold: request.hold }),
      ...(request.array === undefined ? {} : { array: request.array }),
    });
    return { client, project: created.job?.projectId ?? project, ...created };
  } catch (error) {
    throw nameFlags(error);
  } finally {
    line.clear();
  }
}

async function readDocument(context: CommandContext): Promise<unknown> {
  const file = context.values.text('file');
  if (file === undefined) return undefined;
  const { readSmallFile, readSmallStream } = await import('../options-file.ts');
  const { parseYaml } = await import('../../render/yaml-text.ts');
  // A null document is somebody's empty file: refused by the reader, unlike "no file".
  const text = file === '-' ? await readSmallStream(context.terminal.stdin) : await readSmallFile(file);
  return (await parseYaml(text, file === '-' ? 'stdin' : file)) ?? null;
}

interface Provision {
  readonly request: CheckedRequest;
  readonly workspacePath: string;
  readonly project: string;
  readonly client: ClusterClient;
  readonly line: StatusLine;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Packs and uploads; a dry run packs only, which finds everything that is wrong with the folder. */
async function provideWorkspace(context: CommandContext, provision: Provision): Promise<Workspace> {
  const { line, signal } = provision;
  const { packSource } = await import('../../client/pack-source.ts');
  const archive = await packSource(provision.workspacePath, {
    patterns: provision.request.ignoreFiles,
    signal,
    onProgress: (done, total) =>
      line.show(`packing workspace: ${formatBytes(done)} of ${formatBytes(total)}`),
  });
  try {
    if (!provision.dryRun) {
      const { uploadWorkspace } = await import('../../client/workspace-upload.ts');
      const bulk = await provision.client.bulk();
      try {
        await uploadWorkspace({
          bulk,
          project: provision.project,
          archive,
          signal,
          onProgress: (sent, total) =>
            line.show(`uploading workspace: ${formatBytes(sent)} of ${formatBytes(total)}`),
          onBreak: () => {
            line.clear();
            context.warn('upload interrupted; resuming');
          },
        });
      } finally {
        bulk.close();
      }
    }
    return { kind: 'blob', sha256: archive.sha256, sizeBytes: archive.sizeBytes };
  } finally {
    await archive.dispose();
  }
}
