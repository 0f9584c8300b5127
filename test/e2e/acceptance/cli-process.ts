/**
 * The command line as a child process, the way a person or a script uses it: real arguments, real pipes, real exit
 * codes. Every process that is started here is bounded in time and ended by its own id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type ClusterProcesses, distPath } from '../../kit/cluster-processes.ts';

export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Given to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string | Buffer;
  /** Kills the process after this long. Default 45 s. */
  readonly timeoutMs?: number;
}

export interface RunningCli {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<CliEnd>;
}

/** What `jobs show -o json` says, as far as these tests read it. */
export interface ShownJob {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly reasonMessage: string;
  readonly exitCode: number | null;
  readonly attempts: readonly ShownAttempt[];
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface ShownAttempt {
  readonly number: number;
  readonly phase: string;
  readonly outcome: string | null;
  readonly hostId: string;
  readonly gpuUuids: readonly string[];
  readonly logBytes: number;
  readonly ports: readonly { readonly hostPort: number; readonly containerPort: number }[];
  readonly exit: {
    readonly code: number;
    readonly signal: number;
    readonly outOfMemory: boolean;
    readonly verdict: string;
    readonly message: string;
  } | null;
}

export interface Cli {
  /** Runs to the end. */
  run(args: readonly string[], options?: CliOptions): Promise<CliEnd>;
  /** Runs, expects exit code 0, and returns stdout read as JSON. */
  json<T>(args: readonly string[], options?: CliOptions): Promise<T>;
  start(args: readonly string[], options?: CliOptions): RunningCli;
  /** Submits with `jobs create -o id` and returns the id. */
  submit(args: readonly string[], options?: CliOptions): Promise<string>;
  show(job: string): Promise<ShownJob>;
}

const CLI_TIMEOUT_MS = 45_000;

export function createCli(env: Readonly<Record<string, string>>): Cli {
  const start = (args: readonly string[], options: CliOptions = {}): RunningCli =>
    startCli({ ...env, ...options.env }, args, options);
  const run = async (args: readonly string[], options: CliOptions = {}): Promise<CliEnd> =>
    await start(args, options).ended;
  const expectOk = async (args: readonly string[], options?: CliOptions): Promise<CliEnd> => {
    const end = await run(args, options);
    if (end.code !== 0) throw new Error(`nabla ${args.join(' ')} ended with ${end.code}: ${end.stderr}`);
    return end;
  };
  const json = async <T>(args: readonly string[], options?: CliOptions): Promise<T> =>
    JSON.parse((await expectOk(withJson(args), options)).stdout) as T;
  return {
    run,
    json,
    start,
    submit: async (args, options) =>
      (await expectOk(['jobs', 'create', '-o', 'id', ...args], options)).stdout.trim(),
    show: async (job) => await json<ShownJob>(['jobs', 'show', job]),
  };
}

/** What stands after `--` belongs to the job. */
function withJson(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  return end === -1 ? [...args, '-o', 'json'] : [...args.slice(0, end), '-o', 'json', ...args.slice(end)];
}

export function clusterCli(cluster: ClusterProcesses): Cli {
  return createCli(cluster.cliEnv);
}

function startCli(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  options: CliOptions,
): RunningCli {
  const child = spawn(process.execPath, [distPath('cli', 'main.js'), ...args], {
    env: { ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
  // A process that has ended reads no input any more, which is no fault of a test.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? CLI_TIMEOUT_MS);
  const ended = new Promise<CliEnd>((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      const stdoutBytes = Buffer.concat(out);
      resolve({
        code,
        stdoutBytes,
        stdout: stdoutBytes.toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      });
    });
  });
  return {
    child,
    stdout: () => Buffer.concat(out).toString('utf8'),
    stderr: () => Buffer.concat(err).toString('utf8'),
    ended,
  };
}
