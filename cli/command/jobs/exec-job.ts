/**
 * `jobs exec`: a command inside a running task, with pipes or a real terminal. The user's terminal is put back
 * whatever way this ends.
 */
import type { ExecInput, ExecOutput, ExecStart } from '../../client/cluster-client.ts';
import type { CommandContext } from '../command-tree.ts';
import { createInputQueue, type InputQueue } from '../input-queue.ts';
import type { Terminal } from '../terminal.ts';
import { writeText } from '../terminal.ts';
import { usageError } from '../usage-error.ts';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

export async function execInJob(context: CommandContext): Promise<number> {
  const { values, terminal } = context;
  const argv = context.trailing ?? [];
  if (argv.length === 0) {
    throw usageError('ARGUMENT_MISSING', 'no command was given', 'write nabla jobs exec JOB -- COMMAND');
  }
  const tty = values.flag('tty');
  if (tty && terminal.stdin.isTTY !== true) {
    throw usageError('NO_TERMINAL', 'stdin is not a terminal', 'leave out --tty, or run it from a terminal', [
      { path: '--tty', reason: 'needs a terminal on stdin' },
    ]);
  }
  const client = await context.connect();
  const start: ExecStart = {
    project: await context.project(),
    job: context.argument('job'),
    argv,
    tty,
    rows: terminal.stdout.rows ?? 24,
    columns: terminal.stdout.columns ?? 80,
    env: Object.fromEntries(values.pairs('env')),
    workingDirectory: values.text('workingDirectory') ?? '',
  };
  const queue = createInputQueue<ExecInput>();
  queue.push({ kind: 'start', start });
  const restore = attachInput(terminal, queue, { tty, interactive: tty || values.flag('stdin') });
  const stop = new AbortController();
  try {
    return await showOutput(client.jobs.exec(queue, stop.signal), terminal);
  } finally {
    restore();
    queue.end();
    stop.abort();
  }
}

async function showOutput(output: AsyncIterable<ExecOutput>, terminal: Terminal): Promise<number> {
  let code: number | undefined;
  for await (const item of output) {
    if (item.kind === 'stdout') await writeText(terminal.stdout, item.bytes);
    else if (item.kind === 'stderr') await writeText(terminal.stderr, item.bytes);
    else if (item.kind === 'exit') code = item.signal > 0 ? 128 + item.signal : item.code;
  }
  // A stream that ends without a word about the exit is a failure of ours.
  return code ?? 125;
}

/** Feeds keys, sizes and signals into the queue. Returns how to put everything back; safe to call twice. */
function attachInput(
  terminal: Terminal,
  queue: InputQueue<ExecInput>,
  options: { readonly tty: boolean; readonly interactive: boolean },
): () => void {
  const undo: (() => void)[] = [];
  const { stdin, stdout } = terminal;
  if (options.tty) {
    stdin.setRawMode?.(true);
    const reset = (): void => {
      stdin.setRawMode?.(false);
    };
    // Also when the process ends in some other way: a shell without echo is a nasty thing to leave behind.
    process.on('exit', reset);
    undo.push(reset, () => process.off('exit', reset));
    const resize = (): void =>
      queue.push({ kind: 'resize', rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 });
    process.on('SIGWINCH', resize);
    undo.push(() => process.off('SIGWINCH', resize));
  }
  for (const name of FORWARDED) {
    // With a terminal the keys arrive as bytes and its far side makes the signals.
    const forward = (): void => queue.push({ kind: 'signal', name: name.slice('SIG'.length) });
    process.on(name, forward);
    undo.push(() => process.off(name, forward));
  }
  undo.push(options.interactive ? pumpInput(terminal, queue) : endInput(queue));
  return () => {
    for (const step of undo.splice(0)) step();
  };
}

function endInput(queue: InputQueue<ExecInput>): () => void {
  queue.push({ kind: 'stdin-eof' });
  return () => undefined;
}

function pumpInput({ stdin }: Terminal, queue: InputQueue<ExecInput>): () => void {
  const onBytes = (bytes: Buffer): void => {
    // One piece at a time: what is typed or piped ahead waits in the stream, which holds it back.
    stdin.pause();
    void queue.pushAndWait({ kind: 'stdin', bytes }).then(() => stdin.resume());
  };
  const onEnd = (): void => queue.push({ kind: 'stdin-eof' });
  stdin.on('data', onBytes);
  stdin.on('end', onEnd);
  return () => {
    stdin.off('data', onBytes);
    stdin.off('end', onEnd);
    stdin.pause();
  };
}
