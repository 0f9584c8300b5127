/**
 * Ctrl-C and a polite kill, as an abort signal for whatever the command does.
 */

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Stops listening; the process dies of the next signal as it would have. */
  release(): void;
}

/** The first SIGINT or SIGTERM aborts; a second one ends the process at once with 130. */
export function interruptSignal(): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
