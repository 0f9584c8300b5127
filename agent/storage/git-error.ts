/**
 * What git says on standard error as ClusterErrors. Its text may quote the URL, so none of it is passed on.
 */
import { ClusterError, type ErrorKind } from '../../proto/errors/cluster-error.ts';

interface Row {
  readonly pattern: RegExp;
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const ROWS: readonly Row[] = [
  {
    pattern: /couldn't find remote ref|unadvertised object|not our ref|no such remote ref|no such ref/i,
    kind: 'not-found',
    code: 'GIT_REF_NOT_FOUND',
    message: 'the git repository has no such branch, tag or commit',
    hint: 'check the ref of the workspace',
  },
  {
    pattern:
      /authentication failed|could not read (username|password)|permission denied|access denied|\b40[13]\b/i,
    kind: 'forbidden',
    code: 'GIT_ACCESS_DENIED',
    message: 'the git server refused access',
    hint: 'give a username and a password or token for the repository',
  },
  {
    pattern: /repository .*not found|does not appear to be a git repository|does not exist|\b404\b/i,
    kind: 'not-found',
    code: 'GIT_NOT_FOUND',
    message: 'the git repository was not found',
    hint: 'check the URL of the workspace',
  },
  {
    pattern: /file size limit|file too large|filesize limit|SIGXFSZ/i,
    kind: 'invalid',
    code: 'WORKSPACE_TOO_LARGE',
    message: 'the git repository is too large for a workspace',
    hint: 'use a smaller repository or keep large files in storage',
  },
  {
    pattern: /no space left/i,
    kind: 'unavailable',
    code: 'DISK_FULL',
    message: 'the disk of the host is full',
    hint: 'free some space on the host',
  },
  {
    pattern: /transport '.*' not allowed/i,
    kind: 'invalid',
    code: 'GIT_URL_REFUSED',
    message: 'the scheme of the git URL is not allowed',
    hint: 'use an https or ssh URL',
  },
];

interface GitFailure {
  readonly code?: string | number | null;
  readonly killed?: boolean;
  readonly signal?: string | null;
}

/** Never tells more of git's own words than which row they match. */
export function toGitError(failure: unknown, stderr: string): ClusterError {
  const { code, killed, signal } = failure as GitFailure;
  const text = `${stderr.slice(-8_192)} ${signal ?? ''}`;
  if (code === 127 || code === 'ENOENT') {
    return new ClusterError('precondition', 'GIT_MISSING', 'this host has no git program', {
      hint: 'install git on the host or upload the workspace instead',
    });
  }
  const row = ROWS.find(({ pattern }) => pattern.test(text));
  if (row !== undefined) return new ClusterError(row.kind, row.code, row.message, { hint: row.hint });
  if (killed === true) {
    return new ClusterError('deadline', 'GIT_TIMEOUT', 'the git checkout took too long', {
      hint: 'try again, or use a smaller repository',
    });
  }
  return new ClusterError('unavailable', 'GIT_FETCH_FAILED', 'the git repository could not be fetched', {
    hint: 'check the URL and the network of the host',
    details: { exit: String(code ?? '') },
  });
}
