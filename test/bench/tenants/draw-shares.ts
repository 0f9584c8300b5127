/**
 * Draws who held how many GPUs over time as a stacked SVG, with the guarantees as marks at its side.
 */
import type { Sample } from './tenants-run.ts';
import { TENANTS } from './tenants-trace.ts';

const WIDTH = 1200;
const HEIGHT = 360;
const MARGIN = 60;
const COLOURS = ['#4c78a8', '#f58518', '#54a24b', '#b279a2'];
const POINTS = 600;

export function drawShares(samples: readonly Sample[], gpuCount: number): string {
  const step = Math.max(1, Math.floor(samples.length / POINTS));
  const points = samples.filter((_, at) => at % step === 0);
  const last = points.at(-1)?.atMin ?? 1;
  const x = (atMin: number): string => (MARGIN + (WIDTH * atMin) / Math.max(1, last)).toFixed(1);
  const y = (gpus: number): string => (MARGIN + HEIGHT * (1 - gpus / gpuCount)).toFixed(1);
  const below = (sample: Sample, tenant: number): number =>
    sample.held.slice(0, tenant).reduce((sum, gpus) => sum + gpus, 0);
  const areas = TENANTS.map(({ name }, tenant) => {
    const top = points.map((point) => `${x(point.atMin)},${y(below(point, tenant + 1))}`);
    const bottom = points.map((point) => `${x(point.atMin)},${y(below(point, tenant))}`).reverse();
    return `<polygon fill="${COLOURS[tenant]}" points="${[...top, ...bottom].join(' ')}"><title>${name}</title></polygon>`;
  });
  let guaranteed = 0;
  const marks = TENANTS.map((tenant, at) => {
    const middle = guaranteed + tenant.guaranteed / 2;
    guaranteed += tenant.guaranteed;
    const line = `<line x1="${MARGIN}" x2="${MARGIN + WIDTH}" y1="${y(guaranteed)}" y2="${y(guaranteed)}" stroke="#333" stroke-dasharray="4 4"/>`;
    return `${line}<text x="4" y="${y(middle)}" font-size="12" fill="${COLOURS[at]}">${tenant.name}</text>`;
  });
  const days = Array.from({ length: Math.floor(last / 1440) + 1 }, (_, day) => {
    return `<text x="${x(day * 1440)}" y="${MARGIN + HEIGHT + 20}" font-size="12">day ${day}</text>`;
  });
  const size = `width="${WIDTH + 2 * MARGIN}" height="${HEIGHT + 2 * MARGIN}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif">\n${[...areas, ...marks, ...days].join('\n')}\n</svg>\n`;
}
