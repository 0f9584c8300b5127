/**
 * The curve of the paper in characters: allocated share of the GPUs against what has arrived, from 80 % on, one letter
 * for each policy; where several lie on one cell the first of the legend shows.
 */
import type { RunsByPolicy } from './openb-run.ts';
import { POLICIES } from './placer.ts';

const LETTERS = { nabla: 'N', 'nabla-online': 'o', fgd: 'F', bestfit: 'B', random: 'r' } as const;
const FROM_PERCENT = 80;
const TO_PERCENT = 130;
const ROWS = 20;
const POINTS_PER_ROW = (100 - FROM_PERCENT) / ROWS;

export function drawCurves(list: string, runs: RunsByPolicy): string {
  const width = TO_PERCENT - FROM_PERCENT + 1;
  const cells = Array.from({ length: ROWS + 1 }, () => Array.from({ length: width }, () => ' '));
  for (const policy of [...POLICIES].reverse()) {
    const curves = (runs.get(policy) ?? []).map((run) => run.curve);
    for (let x = 0; x < width; x += 1) {
      const values = curves.map((curve) => curve[FROM_PERCENT + x] ?? curve.at(-1) ?? 0);
      const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
      const y = Math.round((100 - mean) / POINTS_PER_ROW);
      const row = cells[y];
      if (row !== undefined) row[x] = LETTERS[policy];
    }
  }
  const lines = cells.map(
    (row, y) => `${String(100 - y * POINTS_PER_ROW).padStart(4)} |${row.join('').trimEnd()}`,
  );
  const legend = POLICIES.map((policy) => `${LETTERS[policy]} ${policy}`).join(', ');
  const axis = `     +${'-'.repeat(width)}\n      ${String(FROM_PERCENT).padEnd(width - 4)}${TO_PERCENT}`;
  return `${list}: % of the GPUs allocated against % arrived (${legend})\n${lines.join('\n')}\n${axis}`;
}
