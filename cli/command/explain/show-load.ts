/** `top`: the load of the cluster, once, or drawn over and over on a terminal until somebody has seen enough. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadJson } from '../../../proto/domain/explain-json.ts';
import type { ClusterLoad } from '../../../proto/domain/explain-views.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import { toClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ExplainCalls } from '../../client/explain-calls.ts';
import { loadLines } from '../../render/load-screen.ts';
import { text } from '../../render/looks.ts';
import type { RecordLook } from '../../render/records.ts';
import { fitToWidth, toSafeText } from '../../render/safe-text.ts';
import type { CommandContext } from '../command-tree.ts';
import { writeText } from '../terminal.ts';
import { usageError } from '../usage-error.ts';

const INTERVAL_MS = 2_000;
/** The controller sums the load once a second at most. */
const INTERVAL_MIN_MS = 1_000;
const ROWS_DEFAULT = 24;
const COLUMNS_DEFAULT = 80;

/** Another screen without a cursor, so that what was on this one comes back at the end. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

const LOAD_LOOK: RecordLook = {
  id: ({ at }) => String(at),
  columns: () => [text('AT', 'at')],
  none: '',
};

export async function showLoad(context: CommandContext): Promise<number> {
  const intervalMs = readInterval(context);
  const calls = await (await context.connect()).explain();
  const load = await calls.clusterLoad();
  const isText = context.format === 'table' || context.format === 'wide';
  if (!isText) {
    await context.printRecord(loadJson(load), LOAD_LOOK);
    return 0;
  }
  const { columns, outStyle: style, animated } = context.terminal;
  if (context.values.flag('once') || columns === undefined || !animated) {
    const lines = loadLines(load, { columns, rows: undefined, style });
    await context.print(lines.map((line) => `${line}\n`).join(''));
    return 0;
  }
  await redraw(context, calls, load, intervalMs);
  return 0;
}

/** @throws ClusterError whatever the controller refuses; while it cannot be reached the last look stays */
async function redraw(
  context: CommandContext,
  calls: ExplainCalls,
  first: ClusterLoad,
  intervalMs: number,
): Promise<void> {
  const { stdout } = context.terminal;
  const interrupt = context.interrupted();
  let load = first;
  let trouble = '';
  await writeText(stdout, ENTER);
  try {
    while (!interrupt.aborted) {
      await writeText(stdout, draw(context, load, trouble));
      await sleep(intervalMs, undefined, { signal: interrupt }).catch(() => undefined);
      if (interrupt.aborted) break;
      try {
        load = await calls.clusterLoad();
        trouble = '';
      } catch (error) {
        const { kind, message } = toClusterError(error);
        if (kind !== 'unavailable' && kind !== 'deadline') throw error;
        trouble = message;
      }
    }
  } finally {
    await writeText(stdout, LEAVE);
  }
}

function draw({ terminal }: CommandContext, load: ClusterLoad, trouble: string): string {
  const { stdout, outStyle: style } = terminal;
  const columns = stdout.columns ?? terminal.columns;
  const rows = (stdout.rows ?? ROWS_DEFAULT) - 1;
  const lines = loadLines(load, { columns, rows: trouble === '' ? rows : rows - 1, style });
  const told =
    trouble === ''
      ? lines
      : [
          style('red', fitToWidth(toSafeText(`${trouble}; trying again`), columns ?? COLUMNS_DEFAULT)),
          ...lines,
        ];
  const drawn = told.slice(0, rows).map((line) => `${line}${CLEAR_LINE}\r\n`);
  return `${HOME}${drawn.join('')}${CLEAR_BELOW}`;
}

/** @throws ClusterError invalid FLAGS_INVALID */
function readInterval(context: CommandContext): number {
  const given = context.values.text('interval');
  if (given === undefined) return INTERVAL_MS;
  const parsed = parseDuration(given);
  const reason = parsed.ok ? 'must be at least 1s' : parsed.reason;
  if (parsed.ok && parsed.value >= INTERVAL_MIN_MS) return parsed.value;
  throw usageError('FLAGS_INVALID', `flag --interval ${reason}`, 'correct the flag', [
    { path: '--interval', reason },
  ]);
}
