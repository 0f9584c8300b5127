/**
 * What `--workspace` names on this machine: a zip file or a folder. Git URLs were told apart before.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';

export type WorkspaceSource =
  | { readonly kind: 'zip'; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: 'folder'; readonly path: string };

/** A refusal of a workspace: always names the flag, always before anything is sent. */
export function workspaceError(
  code: string,
  message: string,
  hint: string,
  details: Readonly<Record<string, string>> = {},
): ClusterError {
  return new ClusterError('invalid', code, message, {
    hint,
    details,
    fields: [{ path: '--workspace', reason: message }],
  });
}

/**
 * @throws ClusterError invalid WORKSPACE_NOT_FOUND, WORKSPACE_NOT_A_FOLDER, WORKSPACE_URL_UNSUPPORTED
 */
export async function classifyWorkspace(text: string): Promise<WorkspaceSource> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw workspaceError(
      'WORKSPACE_URL_UNSUPPORTED',
      'workspace is a URL of another kind than git',
      'give a folder, a zip file, or a git URL (https://…, ssh://…, git@…)',
      { workspace: withoutCredentials(text) },
    );
  }
  const path = resolve(text);
  const found = await stat(path).catch((error: unknown) => {
    const code = (error as { code?: unknown }).code;
    const loops = code === 'ELOOP';
    throw workspaceError(
      loops ? 'WORKSPACE_LINK_LOOP' : 'WORKSPACE_NOT_FOUND',
      loops ? 'workspace goes round in symbolic links' : 'workspace does not exist',
      'give a folder, a zip file, a git URL, or none',
      { workspace: path },
    );
  });
  if (found.isDirectory()) return { kind: 'folder', path };
  if (found.isFile() && /\.zip$/i.test(path)) return { kind: 'zip', path, sizeBytes: found.size };
  throw workspaceError(
    'WORKSPACE_NOT_A_FOLDER',
    'workspace is neither a folder nor a zip file',
    'give a folder, a file that ends in .zip, a git URL, or none',
    { workspace: path },
  );
}

/** `git+https://…` as `https://…`: the prefix only says what the URL is. */
export function withoutGitPrefix(text: string): string {
  return /^git\+(https?|ssh):\/\//i.test(text) ? text.slice('git+'.length) : text;
}

/** A URL as it may be shown. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1…@');
}
