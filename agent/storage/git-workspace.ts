/**
 * A workspace from a git repository: one commit, no history, no submodules, no hooks, no large-file filters.
 * URL and ref are judged before git sees them, the size before anything is checked out.
 */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import { ASKPASS_SCRIPT, type GitCommandOptions, type GitCredentials, runGit } from './git-command.ts';

export interface GitSource {
  readonly url: string;
  /** Branch, tag or commit; empty is the default branch. */
  readonly ref: string;
  readonly credentials?: GitCredentials;
}

export interface GitLimits {
  /** `file:` URLs, for tests and air-gapped hosts. Default false. */
  readonly allowFile: boolean;
  readonly timeoutMs: number;
  readonly totalBytesMax: number;
  readonly filesMax: number;
  readonly searchPath: string;
}

export const DEFAULT_GIT_LIMITS: GitLimits = {
  allowFile: false,
  timeoutMs: 10 * 60_000,
  totalBytesMax: 2 * 1024 * 1024 * 1024,
  filesMax: 200_000,
  searchPath: '/usr/local/bin:/usr/bin:/bin',
};

/**
 * Checks out `source` so that `target` is its working tree; `target` must be absent or an empty folder.
 *
 * @throws ClusterError GIT_*, WORKSPACE_TOO_LARGE, DISK_FULL; `target` is then as it was
 */
export async function checkOutGit(
  source: GitSource,
  target: string,
  limits: GitLimits,
  signal: AbortSignal,
): Promise<void> {
  judgeGitSource(source, limits);
  const work = await mkdtemp(join(dirname(target), `.${basename(target)}-git-`));
  try {
    const tree = join(work, 'tree');
    const home = join(work, 'home');
    await mkdir(tree);
    await mkdir(home, { mode: 0o700 });
    const command = await toCommand(source, { work, tree, home }, limits, signal);
    await runGit(['init', '--quiet', '--template='], command);
    const ref = source.ref === '' ? 'HEAD' : source.ref;
    await runGit(
      ['fetch', '--quiet', '--depth', '1', '--no-tags', '--no-recurse-submodules', '--', source.url, ref],
      command,
    );
    await judgeTree(await runGit(['ls-tree', '-r', '-l', '-z', 'FETCH_HEAD'], command), limits);
    await runGit(
      ['-c', 'advice.detachedHead=false', 'checkout', '--quiet', '--force', 'FETCH_HEAD'],
      command,
    );
    await rename(tree, target);
  } catch (error) {
    throw isClusterError(error) ? error : toFileError(error, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface GitFolders {
  readonly work: string;
  readonly tree: string;
  readonly home: string;
}

async function toCommand(
  source: GitSource,
  { work, tree, home }: GitFolders,
  limits: GitLimits,
  signal: AbortSignal,
): Promise<GitCommandOptions> {
  const base = {
    cwd: tree,
    home,
    protocols: limits.allowFile ? 'https:ssh:file' : 'https:ssh',
    searchPath: limits.searchPath,
    timeoutMs: limits.timeoutMs,
    fileBytesMax: limits.totalBytesMax,
    signal,
  };
  if (source.credentials === undefined) return base;
  const askpass = join(work, 'askpass');
  await writeFile(askpass, ASKPASS_SCRIPT, { mode: 0o700 });
  return { ...base, askpass, credentials: source.credentials };
}

/**
 * Refuses what git could take for an option, a local command or a scheme that nobody allowed.
 *
 * @throws ClusterError invalid GIT_URL_REFUSED, GIT_REF_INVALID
 */
export function judgeGitSource({ url, ref }: GitSource, limits: Pick<GitLimits, 'allowFile'>): void {
  const isScp = /^[\w.-]+@\w[\w.-]*:[^\s:][^\s]*$/.test(url);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  const allowed = scheme === 'https' || scheme === 'ssh' || isScp || (scheme === 'file' && limits.allowFile);
  if (!allowed || url.startsWith('-') || /[\s\u0000-\u001f\u007f]/.test(url)) {
    throw new ClusterError('invalid', 'GIT_URL_REFUSED', 'the git URL is not allowed', {
      hint: 'use an https or ssh URL without spaces',
      fields: [{ path: 'spec.workspace.git.url', reason: 'must be an https or ssh URL' }],
    });
  }
  if (/^https:\/\/[^/]*@/i.test(url)) {
    throw new ClusterError('invalid', 'GIT_URL_REFUSED', 'the git URL holds credentials', {
      hint: 'give username and password apart from the URL',
      fields: [{ path: 'spec.workspace.git.url', reason: 'must not hold credentials' }],
    });
  }
  // git check-ref-format, tightened: what is refused here is legal nowhere or reads as an option or a range.
  const bad = /^-|^\/|\/$|\.\.|\/\/|@\{|\.lock$|[\u0000-\u0020\u007f~^:?*[\\]/;
  if (ref.length > 256 || bad.test(ref)) {
    throw new ClusterError('invalid', 'GIT_REF_INVALID', 'the git ref is not valid', {
      hint: 'give a branch, a tag or a commit',
      fields: [{ path: 'spec.workspace.git.ref', reason: 'must be a branch, a tag or a commit' }],
    });
  }
}

/** Counts what a checkout would write. */
async function judgeTree(listing: string, limits: GitLimits): Promise<void> {
  let files = 0;
  let bytes = 0;
  for (const line of listing.split('\0')) {
    const size = Number(/^\d+ \w+ [0-9a-f]+ +(\d+|-)\t/.exec(line)?.[1] ?? 0);
    if (line !== '') files += 1;
    if (Number.isFinite(size)) bytes += size;
  }
  if (files <= limits.filesMax && bytes <= limits.totalBytesMax) return;
  throw new ClusterError(
    'invalid',
    'WORKSPACE_TOO_LARGE',
    'the git repository is too large for a workspace',
    {
      hint: 'use a smaller repository or keep large files in storage',
    },
  );
}
