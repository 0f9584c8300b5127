/**
 * Ctrl-C and a polite kill, as an abort signal for whatever the command does.
 */

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Stops listening; the process dies of the next signal as it would have. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first of these signals aborts; a second one ends the process at once with 130. */
export function interruptSignal(): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
