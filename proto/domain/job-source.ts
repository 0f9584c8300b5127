/**
 * Rules for where a job's parts come from: image reference, credentials, git workspace, working directory.
 */
import type { Credentials, JobSpec, Workspace } from './job.ts';
import { LIMITS } from './limits.ts';
import { checkText, isPrintable } from './names.ts';
import { formatSize } from './units.ts';
import type { Violations } from './violations.ts';

const HOST = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const PORT = ':[0-9]{1,5}';
const DOMAIN = `(?:${HOST}(?:\\.${HOST})*|\\[[0-9a-fA-F:]+\\])(?:${PORT})?`;
/** Before the first slash only what has a dot or a port, or is localhost, is a registry: as Docker decides it. */
const REGISTRY = `(?:localhost(?:${PORT})?|${HOST}(?:\\.${HOST})+(?:${PORT})?|${HOST}${PORT}|\\[[0-9a-fA-F:]+\\](?:${PORT})?)`;
const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
/** The grammar of distribution/reference: [domain/]path[:tag][@digest]. */
const IMAGE = new RegExp(
  `^(?:${REGISTRY}/)?${PART}(?:/${PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`,
);

/** An image reference as Docker reads it, bounded; empty is allowed (process driver). */
export function checkImage(image: string): string | undefined {
  if (image === '') return undefined;
  if (image.length > LIMITS.imageCharacters) return `must be at most ${LIMITS.imageCharacters} characters`;
  if (IMAGE.test(image)) return undefined;
  return IMAGE.test(image.toLowerCase())
    ? 'must be in lower case'
    : 'must be an image reference such as registry.example.com/team/image:tag';
}

export interface SourceRules {
  /** A sealed secret id stands where the password was: only in specs that the server itself made. */
  readonly sealed: boolean;
}

function checkCredentials(
  credentials: Credentials,
  path: string,
  rules: SourceRules,
  violations: Violations,
): void {
  const { username, password, secretId } = credentials;
  violations.require(username !== '', `${path}.username`, 'must be given with a password');
  violations.add(`${path}.username`, checkText(username, LIMITS.credentialCharacters));
  violations.require(rules.sealed || secretId === undefined, `${path}.secretId`, 'is set by the server only');
  if (password === undefined) {
    violations.require(
      rules.sealed || secretId !== undefined,
      `${path}.password`,
      'must be given with a user name',
    );
    return;
  }
  violations.require(password.length <= LIMITS.passwordCharacters, `${path}.password`, 'is too long');
  violations.require(!/[\0\r\n]/.test(password), `${path}.password`, 'must be one line');
}

export function checkRegistry(
  registry: Credentials,
  image: string,
  path: string,
  rules: SourceRules,
  violations: Violations,
): void {
  violations.require(image !== '', path, 'must come with an image');
  checkCredentials(registry, path, rules, violations);
  const url = registry.url ?? '';
  const valid = url === '' || new RegExp(`^(?:https?://)?${DOMAIN}(?:/[A-Za-z0-9._/-]*)?$`).test(url);
  violations.require(
    valid && url.length <= LIMITS.credentialCharacters,
    `${path}.url`,
    'must be a registry address',
  );
}

/** `scheme://…` of the schemes below, or the scp form `user@host:path`. */
const GIT_SCHEMES = ['https', 'http', 'ssh', 'git'] as const;
const SCP_FORM = /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:(?!\/\/)[^\s]+$/;

/** Whether a workspace argument names a git repository rather than a folder. */
export function isGitUrl(text: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  return (scheme !== undefined && (GIT_SCHEMES as readonly string[]).includes(scheme)) || SCP_FORM.test(text);
}

export function checkGitUrl(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url.length > LIMITS.gitUrlCharacters) return `must be at most ${LIMITS.gitUrlCharacters} characters`;
  if (!isPrintable(url) || /\s/.test(url)) return 'must not hold spaces or control characters';
  if (!isGitUrl(url)) return `must be a git URL (${GIT_SCHEMES.join(', ')}, or user@host:path)`;
  if (SCP_FORM.test(url)) return undefined;
  const [authority = ''] = url.slice(url.indexOf('://') + 3).split('/');
  const [user, host] = authority.includes('@') ? authority.split('@') : ['', authority];
  if (host === undefined || host === '' || host.startsWith('-')) return 'must name a host';
  if (user?.includes(':')) return 'must not hold a password: give it as the workspace password';
  return undefined;
}

export function checkGitRef(ref: string): string | undefined {
  if (ref === '') return undefined;
  if (ref.length > LIMITS.gitRefCharacters) return `must be at most ${LIMITS.gitRefCharacters} characters`;
  const wrong = !isPrintable(ref) || ref.startsWith('-') || /[\s~^:?*[\\]|\.\.|@\{|\.lock$|\/$|^\//.test(ref);
  return wrong ? 'must be a branch, tag or commit' : undefined;
}

export function checkWorkspace(
  workspace: Workspace,
  path: string,
  rules: SourceRules,
  violations: Violations,
): void {
  if (workspace.kind === 'blob') {
    violations.require(/^[0-9a-f]{64}$/.test(workspace.sha256), `${path}.sha256`, 'must be 64 hex digits');
    violations.requireRange(workspace.sizeBytes, 0, LIMITS.workspaceBytes, `${path}.sizeBytes`, formatSize);
    return;
  }
  violations.add(`${path}.url`, checkGitUrl(workspace.url));
  violations.add(`${path}.ref`, checkGitRef(workspace.ref));
  if (workspace.credentials === undefined) return;
  checkCredentials(workspace.credentials, `${path}.credentials`, rules, violations);
  violations.require(
    workspace.url.startsWith('https://'),
    `${path}.credentials`,
    'must go with an https URL, so that the password is not sent in plain text',
  );
}

/** Absolute, or relative to the workspace; never upwards. Empty is the default. */
export function checkWorkingDirectory(directory: string): string | undefined {
  if (directory === '') return undefined;
  const reason = checkText(directory, LIMITS.workingDirectoryCharacters);
  if (reason !== undefined) return reason;
  return directory.split('/').includes('..') ? 'must not go upwards' : undefined;
}

export function checkContainerUser(spec: Pick<JobSpec, 'containerUser' | 'image'>): string | undefined {
  const { containerUser, image } = spec;
  if (containerUser === '') return undefined;
  if (image === '') return 'must come with an image';
  const valid = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/.test(containerUser);
  return valid && containerUser.length <= LIMITS.containerUserCharacters
    ? undefined
    : 'must be a user name or number, with an optional :group';
}
