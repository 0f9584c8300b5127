/**
 * Runs the git program for one workspace: bounded in time and output, blind to the configuration of the host,
 * never prompting, with credentials in its environment and nowhere else.
 */
import { execFile } from 'node:child_process';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { toGitError } from './git-error.ts';

export interface GitCredentials {
  readonly username: string;
  readonly password: string;
}

export interface GitCommandOptions {
  readonly cwd: string;
  /** Empty folder that stands for the home folder. */
  readonly home: string;
  /** A program that answers git's questions from the environment; only with credentials. */
  readonly askpass?: string;
  readonly credentials?: GitCredentials;
  /** Schemes that may be spoken, e.g. `https:ssh`. */
  readonly protocols: string;
  readonly searchPath: string;
  readonly timeoutMs: number;
  /** Largest single file that git may write, which bounds a pack. */
  readonly fileBytesMax: number;
  readonly signal: AbortSignal;
}

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** `ulimit -f` counts blocks of 512 bytes in a POSIX shell. */
const BLOCK_BYTES = 512;

/** Names of the variables that {@link ASKPASS_SCRIPT} reads. */
const USERNAME_VARIABLE = 'NABLA_GIT_USERNAME';
const PASSWORD_VARIABLE = 'NABLA_GIT_PASSWORD';

export const ASKPASS_SCRIPT = `#!/bin/sh
case "$1" in
  [Uu]sername*) printf '%s\\n' "$${USERNAME_VARIABLE}" ;;
  *) printf '%s\\n' "$${PASSWORD_VARIABLE}" ;;
esac
`;

/**
 * The standard output of `git ARGS`.
 *
 * @throws ClusterError GIT_*
 */
export function runGit(args: readonly string[], options: GitCommandOptions): Promise<string> {
  const limit = `umask 0 && ulimit -f ${Math.ceil(options.fileBytesMax / BLOCK_BYTES)} && exec git "$@"`;
  return new Promise((resolve, reject) => {
    execFile(
      '/bin/sh',
      ['-c', limit, 'git', ...args],
      {
        cwd: options.cwd,
        env: toEnvironment(options),
        timeout: options.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: OUTPUT_BYTES_MAX,
        signal: options.signal,
        encoding: 'utf8',
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else if (options.signal.aborted) reject(cancelled(error));
        else reject(toGitError(error, stderr));
      },
    );
  });
}

function toEnvironment(options: GitCommandOptions): NodeJS.ProcessEnv {
  const { credentials, askpass } = options;
  return {
    PATH: options.searchPath,
    HOME: options.home,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ALLOW_PROTOCOL: options.protocols,
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=20',
    ...(credentials === undefined || askpass === undefined
      ? {}
      : {
          GIT_ASKPASS: askpass,
          [USERNAME_VARIABLE]: credentials.username,
          [PASSWORD_VARIABLE]: credentials.password,
        }),
  };
}

function cancelled(cause: unknown): ClusterError {
  return new ClusterError('cancelled', 'GIT_CANCELLED', 'the checkout is wanted no more', { cause });
}
