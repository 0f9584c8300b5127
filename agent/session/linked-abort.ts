/**
 * An abort signal of a short life under one of a long life. AbortSignal.any would leave a trace in the long one
 * for every short one that ever was; this link is cut when the short one is done.
 */

/** A constant reason: making an exception with its stack for every task that ends would cost more than the task. */
const DONE = 'done';

export interface LinkedAbort {
  readonly signal: AbortSignal;
  /** Fires the signal and cuts the link. Idempotent. */
  abort(): void;
  /** Cuts the link; the signal will not fire any more by its parent. Idempotent. */
  release(): void;
}

export function linkAbort(parent: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const abort = (): void => {
    release();
    controller.abort(DONE);
  };
  const release = (): void => parent.removeEventListener('abort', abort);
  if (parent.aborted) controller.abort(DONE);
  else parent.addEventListener('abort', abort, { once: true });
  return { signal: controller.signal, abort, release };
}
