/**
 * What the Docker engine says when something fails, as coded errors. The only file that reads its texts: engines
 * have no codes below the HTTP status, so each row names the words it goes by.
 */
import { ClusterError, type ErrorKind, isClusterError } from '../../../proto/errors/cluster-error.ts';

export interface FailedCall {
  readonly timedOut: boolean;
  readonly aborted: boolean;
}

interface Row {
  readonly words: RegExp;
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const TEXT_MAX = 500;
const UNREACHABLE = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'EACCES',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EPERM',
]);

/** First match wins. */
const ROWS: readonly Row[] = [
  {
    words:
      /could not select device driver|nvidia-container-(cli|runtime)|unknown device|failed to inject CDI|unknown or invalid runtime name: nvidia|libnvidia-ml/i,
    kind: 'unavailable',
    code: 'GPU_UNAVAILABLE',
    message: 'the host cannot give its GPUs to containers',
    hint: 'install and configure the NVIDIA container toolkit on that host',
  },
  {
    words: /port is already allocated|address already in use|ports are not available/i,
    kind: 'precondition',
    code: 'PORT_IN_USE',
    message: 'a port of the host is taken',
    hint: 'ask for another port, or leave the choice to Nabla',
  },
  {
    words: /bind source path does not exist|error mounting .*: no such (file|device)/i,
    kind: 'precondition',
    code: 'MOUNT_MISSING',
    message: 'a folder that the task needs is not on the host',
    hint: 'check that the storage is mounted on this host',
  },
  {
    words: /no space left on device|disk quota exceeded/i,
    kind: 'unavailable',
    code: 'DISK_FULL',
    message: 'the disk is full',
    hint: 'free some space on that file system and try again',
  },
  {
    words:
      /executable file not found|exec: .*(no such file or directory|permission denied)|exec format error|is a directory: unknown/i,
    kind: 'invalid',
    code: 'COMMAND_NOT_FOUND',
    message: 'the command was not found or cannot be run',
    hint: 'check its spelling, its execute permission, and what the image holds',
  },
  {
    words:
      /no such image|manifest (for .* )?(not found|unknown)|not found: manifest unknown|name unknown|repository .* not found/i,
    kind: 'not-found',
    code: 'IMAGE_NOT_FOUND',
    message: 'the image does not exist',
    hint: 'check its name and tag, and that the registry can be reached from the host',
  },
  {
    words:
      /pull access denied|unauthorized|authentication required|denied: |no basic auth credentials|forbidden/i,
    kind: 'forbidden',
    code: 'IMAGE_PULL_DENIED',
    message: 'the registry refused the image',
    hint: 'check the image name, and give registry credentials if it is private',
  },
  {
    words: /unable to find user|no matching entries in passwd/i,
    kind: 'invalid',
    code: 'USER_UNKNOWN',
    message: 'the image does not know that user',
    hint: 'give a number, or leave it out',
  },
];

/** Any failure of an engine call. A ClusterError passes through. */
export function toDockerError(
  error: unknown,
  call: FailedCall = { timedOut: false, aborted: false },
): ClusterError {
  if (isClusterError(error)) return error;
  if (call.aborted) {
    return new ClusterError('cancelled', 'START_CANCELLED', 'the call was given up', { cause: error });
  }
  if (call.timedOut) {
    return new ClusterError('deadline', 'DRIVER_TIMEOUT', 'the Docker engine did not answer in time', {
      hint: 'look at the Docker engine of that host',
      cause: error,
    });
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (typeof code === 'string' && UNREACHABLE.has(code)) return unreachable(code, error);
  const text = textOf(error);
  const row = ROWS.find(({ words }) => words.test(text));
  if (row !== undefined) return fromRow(row, text, error);
  const status = typeof statusCode === 'number' ? String(statusCode) : '';
  return new ClusterError('unavailable', 'DRIVER_UNAVAILABLE', 'the container driver cannot be used', {
    hint: 'look at the Docker engine of that host',
    details: { reason: text, status },
    cause: error,
  });
}

/** A failed pull: what is not told apart above is the network or the registry. */
export function toPullError(message: string, image: string): ClusterError {
  const known = toDockerError(new Error(message));
  if (known.code !== 'DRIVER_UNAVAILABLE') return known;
  const registry = registryOf(image);
  return new ClusterError(
    'unavailable',
    'IMAGE_PULL_FAILED',
    `the image could not be pulled from ${registry}`,
    {
      hint: `check that ${registry} can be reached from the host`,
      details: { reason: message.slice(0, TEXT_MAX) },
    },
  );
}

/** The registry that a name stands for: its first part if that looks like a host, as engines read it. */
function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? first : 'docker.io';
}

/** The HTTP status of the engine's answer behind an error; 0 when it gave none. */
export function statusOf(error: unknown): number {
  const cause = isClusterError(error) ? error.cause : error;
  const status = (cause as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : 0;
}

/** What a socket says that nobody listens on; anything else may come of an engine that is there. */
const NOBODY_LISTENS = new Set(['ENOENT', 'ECONNREFUSED']);

/** Whether a new connection was turned away because there is no engine behind the socket. */
export function isDoorShut(error: unknown): boolean {
  const cause = isClusterError(error) ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && NOBODY_LISTENS.has(code);
}

/** setrlimit(2) numbers of limits that an engine without CAP_SYS_RESOURCE may refuse, by Docker's names. */
const RLIMITS: Readonly<Record<string, string>> = { 3: 'stack', 7: 'nofile', 8: 'memlock' };

/** The name of the limit that the engine could not set; undefined for any other failure. */
export function refusedUlimit(error: unknown): string | undefined {
  const cause = isClusterError(error) ? error.cause : error;
  const number = /error setting rlimits? (?:type )?(\d+)/i.exec(textOf(cause))?.[1];
  return number === undefined ? undefined : RLIMITS[number];
}

function fromRow({ kind, code, message, hint }: Row, reason: string, cause: unknown): ClusterError {
  return new ClusterError(kind, code, message, { hint, details: { reason }, cause });
}

function unreachable(reason: string, cause: unknown): ClusterError {
  return new ClusterError('unavailable', 'DRIVER_UNAVAILABLE', 'the Docker engine cannot be reached', {
    hint: 'start the Docker engine of that host, and let the agent use its socket',
    details: { reason },
    cause,
  });
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, TEXT_MAX);
}
