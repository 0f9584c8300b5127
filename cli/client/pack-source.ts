/**
 * From what `--workspace` names on this machine to an archive with an address.
 */
import { openZipFile, type PackProgress, packWorkspace, type WorkspaceArchive } from './workspace-archive.ts';
import { classifyWorkspace, workspaceError } from './workspace-source.ts';
import { WORKSPACE_BYTES_MAX, walkWorkspace } from './workspace-tree.ts';

export interface PackOptions {
  readonly patterns: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress: PackProgress;
}

/** @throws ClusterError invalid WORKSPACE_… naming what is wrong */
export async function packSource(path: string, options: PackOptions): Promise<WorkspaceArchive> {
  const source = await classifyWorkspace(path);
  if (source.kind === 'zip') {
    if (source.sizeBytes > WORKSPACE_BYTES_MAX) {
      throw workspaceError(
        'WORKSPACE_TOO_LARGE',
        'workspace is larger than 2 GiB',
        'read data from /storage instead',
      );
    }
    return openZipFile(source.path);
  }
  const tree = await walkWorkspace(source.path, options.patterns);
  return packWorkspace(tree, options.onProgress, options.signal);
}
