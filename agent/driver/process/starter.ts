/**
 * One small, long-lived /bin/sh that starts wrappers for the agent. Forking the agent itself copies the page tables
 * of its whole heap (measured: 0.9 ms with a small one, 5 ms with 300 MB) and blocks its event loop meanwhile; a
 * shell of one megabyte forks in a tenth of that. Requests go in and answers come back over pipes, so secrets are
 * never in an argument list or a file. The starter is expendable: tasks are sessions of their own and outlive it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import { driverUnavailable } from '../driver-error.ts';
import { withoutInherited } from './inherited-handles.ts';
import type { ProcStat } from './proc-stat.ts';
import { parseMainLine } from './run-file.ts';
import { type Detachment, renderPrologue, renderStart, type StartRequest } from './start-script.ts';
import { STAGE_FAILED, STAGE_READY, type Stage } from './view-stage.ts';

/** Bytes of requests that may wait in the pipe before starts are refused. */
export const STARTER_BACKLOG_BYTES_MAX = 64 * 1024 * 1024;
/** A host on which a shell takes longer to start is as good as one where it does not start. */
const LAUNCH_TIMEOUT_MS = 60_000;
/** Some twenty small programs, once; beyond this tasks do without a stage. */
const STAGE_TIMEOUT_MS = 15_000;
/** Characters of what is told about a stage that could not be built. */
const STAGE_REASON_MAX = 200;
/** An answer line is one /proc stat line at most. */
const ANSWER_BYTES_MAX = 4096;

/** What a wrapper says in the end. */
export interface WrapperExit {
  /** As the shell has it: 128 and more may stand for a signal. */
  readonly status: number;
  /** Whether these files hold anything. */
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Of the control group; always false without one. */
  readonly processesLeft: boolean;
  readonly memoryBytesLeft: number;
}

/** What became of a request. */
export type Launch =
  /** The user's program is about to run; `exited` is undefined when the pipe broke. */
  | { readonly kind: 'running'; readonly main: ProcStat; readonly exited: Promise<WrapperExit | undefined> }
  /** The wrapper ended before that. */
  | { readonly kind: 'failed' }
  /** Somebody else holds the run file. */
  | { readonly kind: 'lost' }
  /** The starter went away; the run file tells. */
  | { readonly kind: 'orphaned' };

export interface Starter {
  /**
   * `toRequest` is told whether the stage is there.
   *
   * @throws ClusterError DRIVER_UNAVAILABLE when too many starts wait, and as toRequest and renderStart
   */
  launch(toRequest: (staged: boolean) => Omit<StartRequest, 'id'>): Promise<Launch>;
  /** Leaves running tasks alone. */
  close(): void;
}

interface Pending {
  readonly settle: (launch: Launch) => void;
  /** Set once the task runs. */
  exit?: (exit: WrapperExit | undefined) => void;
}

/** A shell that starts wrappers, and what it has not answered yet. */
interface Shell {
  readonly child: ChildProcess;
  readonly pending: Map<number, Pending>;
  readonly stage: Promise<StageOutcome>;
}

/** `silent`: the shell ended, or said nothing, while its stage was built. Tasks may use a stage that is `ready` only. */
type StageOutcome =
  | { readonly kind: 'none' | 'ready' | 'silent' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface StarterOptions {
  readonly detachment: Detachment;
  readonly stage: Stage | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a stage could not be built, with the reason, and with none when one could again. */
  readonly onStageTrouble?: (reason: string | undefined) => void;
}

export function createStarter(options: StarterOptions): Starter {
  return new ShellStarter(options);
}

class ShellStarter implements Starter {
  readonly #options: StarterOptions;
  /** Taken away when no stage can be built on this host. */
  #stage: Stage | undefined;
  #shell: Shell | undefined;
  #stageTrouble: string | undefined;
  #lastId = 0;

  constructor(options: StarterOptions) {
    this.#options = options;
    this.#stage = options.stage;
  }

  async launch(toRequest: (staged: boolean) => Omit<StartRequest, 'id'>): Promise<Launch> {
    if (await this.#stage?.isStale()) this.#retire();
    let shell = this.#ensureShell();
    let outcome = await shell.stage;
    if (outcome.kind === 'silent') {
      this.#forsakeStage(shell);
      shell = this.#ensureShell();
      outcome = await shell.stage;
    } else if (outcome.kind !== 'none') {
      this.#noteStage(outcome.kind === 'failed' ? outcome.reason : undefined);
    }
    return await this.#send(shell, toRequest(outcome.kind === 'ready'));
  }

  close(): void {
    if (this.#shell === undefined) return;
    this.#shell.child.stdin?.end();
    holdProcess(this.#shell.child, false);
    this.#shell = undefined;
  }

  #send({ child, pending }: Shell, request: Omit<StartRequest, 'id'>): Promise<Launch> {
    const id = ++this.#lastId;
    const text = renderStart({ ...request, id }, this.#options.detachment);
    const { stdin } = child;
    if (stdin === null || stdin.writableLength + text.length > STARTER_BACKLOG_BYTES_MAX) {
      return Promise.reject(driverUnavailable('too many starts are waiting'));
    }
    // It ended, or was closed, while the request was made: nobody reads that pipe any more.
    if (!stdin.writable) return Promise.resolve({ kind: 'orphaned' });
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(LAUNCH_TIMEOUT_MS, () => {
        pending.delete(id);
        resolve({ kind: 'orphaned' });
      });
      const settle = (launch: Launch): void => {
        timer.cancel();
        resolve(launch);
      };
      pending.set(id, { settle });
      holdProcess(child, true);
      stdin.write(text);
    });
  }

  #ensureShell(): Shell {
    if (this.#shell !== undefined) return this.#shell;
    const stage = this.#stage;
    stage?.noteBuilt();
    const child = openShell(stage?.argv ?? ['/bin/sh'], this.#options.log);
    const pending = new Map<number, Pending>();
    const built = stage === undefined ? undefined : awaitStage(child, this.#options.clock);
    const shell = { child, pending, stage: built?.outcome ?? Promise.resolve({ kind: 'none' as const }) };
    this.#shell = shell;
    const forget = (which: (entry: Pending) => boolean): void => {
      if (this.#shell === shell) this.#shell = undefined;
      for (const [id, entry] of pending) {
        if (!which(entry)) continue;
        pending.delete(id);
        orphan(entry);
      }
    };
    // Wrappers hold the other end of the pipe too and go on answering after the starter itself is gone.
    child.once('exit', () => forget((entry) => entry.exit === undefined));
    child.once('error', () => forget(() => true));
    child.once('close', () => forget(() => true));
    readLines(child, (line) => {
      built?.onLine(line);
      answer(pending, line);
      if (pending.size === 0) holdProcess(child, false);
    });
    child.stdin?.write(renderPrologue(this.#options.detachment));
    return shell;
  }

  /** The next start gets a new shell, with the mounts of now. Not while a request is on its way. */
  #retire(): void {
    const shell = this.#shell;
    if (shell === undefined || [...shell.pending.values()].some(({ exit }) => exit === undefined)) return;
    shell.child.stdin?.end();
    this.#shell = undefined;
  }

  /** Told once for each reason: every start after that would say the same. */
  #noteStage(trouble: string | undefined): void {
    if (trouble === this.#stageTrouble) return;
    this.#stageTrouble = trouble;
    const { log, onStageTrouble } = this.#options;
    if (trouble !== undefined) log.warn('views are made one by one: no stage', { reason: trouble });
    onStageTrouble?.(trouble);
  }

  #forsakeStage(shell: Shell): void {
    if (this.#stage === undefined) return;
    this.#stage = undefined;
    this.#noteStage('the shell that builds it ended or said nothing');
    shell.child.kill('SIGKILL');
    if (this.#shell === shell) this.#shell = undefined;
  }
}

interface StageAnswer {
  readonly outcome: Promise<StageOutcome>;
  onLine(line: string): void;
}

function awaitStage(child: ChildProcess, clock: Clock): StageAnswer {
  let settle: (outcome: StageOutcome) => void = () => {};
  const outcome = new Promise<StageOutcome>((resolve) => {
    settle = resolve;
  });
  const timer = clock.after(STAGE_TIMEOUT_MS, () => settle({ kind: 'silent' }));
  for (const event of ['exit', 'error']) child.once(event, () => settle({ kind: 'silent' }));
  void outcome.then(() => timer.cancel());
  holdProcess(child, true);
  return {
    outcome,
    onLine(line) {
      if (line === STAGE_READY) settle({ kind: 'ready' });
      if (line.startsWith(STAGE_FAILED)) settle({ kind: 'failed', reason: toReason(line) });
    },
  };
}

/** Foreign text, which ends in a log and before an operator. */
function toReason(line: string): string {
  const text = line
    .slice(STAGE_FAILED.length)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
  return text.slice(0, STAGE_REASON_MAX) || 'a step of it failed without a word';
}

function openShell([program = '', ...args]: readonly string[], log: Logger): ChildProcess {
  // An empty environment: what the agent was started with is none of the tasks' business.
  const shell = withoutInherited(['pipe', 'pipe', 'ignore'], (stdio) =>
    spawn(program, args, { stdio: [...stdio], env: {}, detached: true, cwd: '/' }),
  );
  // Without this a write to a dead starter would be an uncaught error; its end is handled by 'close'.
  shell.stdin?.on('error', () => {});
  shell.once('close', (code, signal) => log.debug('starter ended', { code, signal }));
  shell.unref();
  (shell.stdin as Socket | null)?.unref();
  holdProcess(shell, false);
  return shell;
}

/** Open answers keep the agent's event loop alive; an idle starter does not. */
function holdProcess(shell: ChildProcess, hold: boolean): void {
  const pipe = shell.stdout as Socket | null;
  if (hold) pipe?.ref();
  else pipe?.unref();
}

function orphan(entry: Pending): void {
  if (entry.exit !== undefined) entry.exit(undefined);
  else entry.settle({ kind: 'orphaned' });
}

function readLines(shell: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  shell.stdout?.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-ANSWER_BYTES_MAX);
    for (const line of lines) onLine(line);
  });
}

/** `ID run STAT`, `ID exit STATUS LETTERS.BYTES` or `ID lost`. */
function answer(pending: Map<number, Pending>, line: string): void {
  const [idText = '', word] = line.split(' ', 2);
  const id = Number(idText);
  const entry = pending.get(id);
  if (entry === undefined) return;
  if (word === 'run') {
    const main = parseMainLine(line.slice(idText.length + 5));
    if (main === undefined) return;
    const exited = new Promise<WrapperExit | undefined>((exit) => {
      entry.exit = exit;
    });
    entry.settle({ kind: 'running', main, exited });
    return;
  }
  pending.delete(id);
  if (word === 'exit' && entry.exit !== undefined) entry.exit(parseExit(line.slice(idText.length + 6)));
  else entry.settle(word === 'lost' ? { kind: 'lost' } : { kind: 'failed' });
}

function parseExit(text: string): WrapperExit {
  const [, status, letters = '', bytes = ''] = /^(\d+)(?: (\w*)\.(\d*))?/.exec(text) ?? [];
  return {
    status: Number(status ?? 0),
    stdout: letters.includes('o'),
    stderr: letters.includes('e'),
    processesLeft: letters.includes('l'),
    memoryBytesLeft: bytes === '' ? Number.MAX_SAFE_INTEGER : Number(bytes),
  };
}
