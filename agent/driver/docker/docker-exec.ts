/**
 * Commands run inside a running container through the engine's exec calls.
 */
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import type { Clock } from '../../../proto/ports/index.ts';
import type { ExecPlan, ExecSession } from '../../core/driver-port.ts';
import { driverUnavailable, unsupported } from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import type { Engine } from './engine.ts';
import { createFrameParser } from './log-frames.ts';

/** The engine sets an exec's exit code a moment after its stream ended. */
const EXIT_ROUNDS_MAX = 200;
const EXIT_PAUSE_MS = 10;
const CHUNK_BYTES_MAX = 64 * 1024;

export interface DockerExecParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly container: Docker.Container;
  readonly signal: AbortSignal;
}

/** A command that cannot be run ends with 126 or 127. @throws ClusterError as of the engine */
export async function openDockerExec(parts: DockerExecParts, plan: ExecPlan): Promise<ExecSession> {
  const { engine, container } = parts;
  const exec = await engine.call((abortSignal) => container.exec({ ...toExecOptions(plan), abortSignal }));
  // No deadline on the connection itself: it lasts as long as the command.
  const stream = (await exec.start({
    hijack: true,
    stdin: true,
    Tty: plan.tty,
  } as never)) as unknown as Duplex;
  const session = new DockerExec(parts, exec, stream, plan);
  if (plan.tty) await session.resize(plan.rows, plan.columns).catch(() => undefined);
  return session;
}

function toExecOptions(plan: ExecPlan): Docker.ExecCreateOptions {
  return {
    Cmd: [...plan.argv],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: plan.tty,
    Env: Object.entries({ ...(plan.tty ? { TERM: 'xterm-256color' } : {}), ...plan.env }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    ...(plan.workingDirectory === '' ? {} : { WorkingDir: plan.workingDirectory }),
  };
}

class DockerExec implements ExecSession {
  readonly output: ExecSession['output'];
  readonly #parts: DockerExecParts;
  readonly #exec: Docker.Exec;
  readonly #stream: Duplex;
  readonly #tty: boolean;
  readonly #exit: Promise<{ readonly code: number; readonly signal: number }>;
  #over = false;

  constructor(parts: DockerExecParts, exec: Docker.Exec, stream: Duplex, plan: ExecPlan) {
    this.#parts = parts;
    this.#exec = exec;
    this.#stream = stream;
    this.#tty = plan.tty;
    const closed = new Promise<void>((resolve) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
    });
    stream.on('error', () => {
      // The end of the stream is handled by 'close'; what the command did is asked of the engine.
    });
    this.output = this.#read();
    this.#exit = closed.then(() => this.#askExit());
    // Whoever does not ask for the exit must not be told of a failure to learn it.
    this.#exit.catch(() => undefined);
    const abort = (): void => void this.#cut();
    parts.signal.addEventListener('abort', abort, { once: true });
    void closed.then(() => parts.signal.removeEventListener('abort', abort));
    if (parts.signal.aborted) abort();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    await new Promise<void>((resolve) => this.#stream.write(bytes, () => resolve()));
  }

  endInput(): void {
    if (this.#tty) void this.write(Buffer.from('\u0004'));
    else this.#stream.end();
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (!this.#tty) throw unsupported('TERMINAL_UNAVAILABLE', 'the command has no terminal', 'ask for one');
    if (this.#over) return;
    const size = { h: Math.max(1, rows), w: Math.max(1, columns) };
    await this.#parts.engine.call((abortSignal) => this.#exec.resize({ ...size, abortSignal }));
  }

  async signal(name: string): Promise<void> {
    const number = signalNumber(name);
    if (await this.#sendOnceStarted(() => this.#send(number))) return;
    throw driverUnavailable('the engine names no process of the command');
  }

  exit(): Promise<{ readonly code: number; readonly signal: number }> {
    return this.#exit;
  }

  async *#read(): AsyncGenerator<{ readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }> {
    const parser = createFrameParser();
    try {
      for await (const chunk of this.#stream) {
        const bytes = chunk as Buffer;
        const frames = this.#tty ? [{ stream: 'stdout' as const, payload: bytes }] : parser.push(bytes);
        for (const { stream, payload } of frames) {
          for (let at = 0; at < payload.length; at += CHUNK_BYTES_MAX) {
            yield { stream, bytes: Uint8Array.from(payload.subarray(at, at + CHUNK_BYTES_MAX)) };
          }
        }
      }
    } catch (error) {
      // Cut by us, or by an engine that ends: the exit says what became of the command.
      if (!this.#stream.destroyed) throw error;
    }
  }

  async #askExit(): Promise<{ readonly code: number; readonly signal: number }> {
    this.#over = true;
    const { engine, clock } = this.#parts;
    for (let round = 0; ; round++) {
      const found = await engine.call((abortSignal) => this.#exec.inspect({ abortSignal }));
      const code = found.ExitCode;
      if (!found.Running && code !== null && code !== undefined) {
        return code > 128 && code <= 192 ? { code, signal: code - 128 } : { code, signal: 0 };
      }
      // Cut off, and out of our reach: what becomes of it is not known.
      if (round >= EXIT_ROUNDS_MAX) throw driverUnavailable('the command goes on without its connection');
      await new Promise<void>((resolve) => void clock.after(EXIT_PAUSE_MS, resolve));
    }
  }

  async #cut(): Promise<void> {
    await this.#sendOnceStarted(() => this.#send(9).catch(() => true));
    this.#stream.destroy();
  }

  /**
   * A command that is just being started has no process yet, and the engine may pass on its output before it names
   * one; what is sent by then would be lost. False when it named none in time; true also when the command is over.
   */
  async #sendOnceStarted(send: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.#parts;
    for (let round = 0; round < EXIT_ROUNDS_MAX; round++) {
      if (this.#over || (await send())) return true;
      await new Promise<void>((resolve) => void clock.after(EXIT_PAUSE_MS, resolve));
    }
    return false;
  }

  /** False while it has no process. The engine cannot signal an exec, so the process is signalled by its number on the host. */
  async #send(number: number): Promise<boolean> {
    const { engine, container } = this.#parts;
    const { Pid, Running } = await engine.call((abortSignal) => this.#exec.inspect({ abortSignal }));
    if (!(Pid > 0)) return false;
    if (!Running) return true;
    // Only a process that is in this very container: the number may be somebody else's by now, or of another machine.
    const groups = await readFile(`/proc/${Pid}/cgroup`, 'latin1').catch(() => '');
    if (!groups.includes(container.id)) {
      throw unsupported(
        'SIGNAL_UNAVAILABLE',
        'the command cannot be signalled from here',
        'use kill inside the task',
      );
    }
    try {
      process.kill(Pid, number);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
      throw unsupported(
        'SIGNAL_UNAVAILABLE',
        'the agent may not signal the command',
        'run the agent as root',
      );
    }
  }
}
