/**
 * One line on stderr that is drawn over while something is waited for, and taken away before other output.
 */
import { fitToWidth, toSafeText } from './safe-text.ts';

export interface StatusLine {
  /** Shows `text`, if somebody can see it change. */
  show(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

/** Redraws at most so often; the last text always shows. */
const REDRAW_MS = 100;

/** `animated` false: shows nothing, ever. */
export function createStatusLine(
  stream: { write(text: string): unknown; readonly columns?: number },
  animated: boolean,
): StatusLine {
  let shown = '';
  let drawnAtMs = -REDRAW_MS;
  let pending: NodeJS.Timeout | undefined;
  const draw = (text: string): void => {
    drawnAtMs = performance.now();
    stream.write(`\r\u001b[2K${text}`);
  };
  const cancel = (): void => {
    clearTimeout(pending);
    pending = undefined;
  };
  return {
    show(text) {
      if (!animated) return;
      const fitted = fitToWidth(toSafeText(text), (stream.columns ?? 80) - 1);
      if (fitted === shown) return;
      shown = fitted;
      cancel();
      const waitMs = REDRAW_MS - (performance.now() - drawnAtMs);
      if (waitMs <= 0) draw(fitted);
      else pending = setTimeout(() => draw(shown), waitMs).unref();
    },
    clear() {
      cancel();
      if (shown === '') return;
      shown = '';
      drawnAtMs = -REDRAW_MS;
      stream.write('\r\u001b[2K');
    },
  };
}
