/**
 * How a failure is told: `error:`, the wrong fields, `hint:` on stderr, or one JSON object with `-o json`.
 */
import { type ClusterError, isClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import { escapeHidden, toSafeText } from './safe-text.ts';
import type { Style } from './style.ts';

export interface ErrorReportOptions {
  readonly asJson: boolean;
  readonly style: Style;
  /** Adds the stack of unexpected errors. */
  readonly withStack: boolean;
}

/** The text for stderr, ending in a line feed. */
export function renderError(value: unknown, options: ErrorReportOptions): string {
  const error = toClusterError(value);
  if (options.asJson) return `${escapeHidden(JSON.stringify({ error: toErrorJson(error) }))}\n`;
  const { style } = options;
  const lines = [`${style('red', 'error:')} ${toSafeText(withDetails(error))}`];
  for (const { path, reason } of error.fields) {
    // The message and hint of a single wrong field often are that field already.
    const told =
      error.message.includes(`${path} ${reason}`) ||
      `${error.message}: ${error.hint}` === `${path} ${reason}`;
    if (!told) lines.push(`  ${toSafeText(path)}: ${toSafeText(reason)}`);
  }
  if (error.hint !== '') lines.push(`${style('cyan', 'hint:')} ${toSafeText(error.hint)}`);
  const cause = error.cause ?? value;
  if (error.kind === 'bug' && !isClusterError(cause)) {
    lines.push(`cause: ${toSafeText(cause instanceof Error ? cause.message : String(cause))}`);
  }
  if (options.withStack && cause instanceof Error && cause.stack !== undefined) {
    lines.push(...cause.stack.split('\n').map((line) => `  ${toSafeText(line)}`));
  }
  return `${lines.join('\n')}\n`;
}

/** The message is constant by rule, so what it is about stands in the details. */
function withDetails(error: ClusterError): string {
  // What the hint lists need not be read twice.
  const details = Object.entries(error.details)
    .filter(([, value]) => !error.hint.endsWith(`: ${value.split(',').join(', ')}`))
    .map(([key, value]) => `${key}: ${value}`);
  return details.length === 0 ? error.message : `${error.message} (${details.join(', ')})`;
}

function toErrorJson(error: ClusterError): Record<string, unknown> {
  return {
    kind: error.kind,
    code: error.code,
    message: error.message,
    hint: error.hint,
    fields: error.fields,
    details: error.details,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}
