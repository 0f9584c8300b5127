/**
 * Runs inputs through targets. Each input is decided by seed, target and number alone, so that any one of them can
 * be had again.
 */
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import { createRng } from '../../proto/runtime/rng.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { CERTIFICATE_TARGETS } from './targets-certificates.ts';
import { FILE_TARGETS } from './targets-files.ts';
import { HTTP_TARGETS } from './targets-http.ts';
import { TEXT_TARGETS } from './targets-text.ts';
import { WIRE_TARGETS } from './targets-wire.ts';

export const TARGETS: readonly FuzzTarget[] = [
  ...WIRE_TARGETS,
  ...TEXT_TARGETS,
  ...FILE_TARGETS,
  ...HTTP_TARGETS,
  ...CERTIFICATE_TARGETS,
];

/** Longest that one input may take, unless it was the machine: the best of several tries counts. */
const SLOW_MS = 100;
const SLOW_TRIES = 3;
/** Escapes told of one target; more of the same help nobody. */
const ESCAPES_TOLD_MAX = 5;

export interface Escape {
  readonly target: string;
  readonly number: number;
  readonly what: string;
}

export interface FuzzShare {
  readonly target: FuzzTarget;
  readonly from: number;
  readonly count: number;
}

/** How many of `inputs` each target gets, at least one. */
export function shareInputs(
  inputs: number,
  targets: readonly FuzzTarget[] = TARGETS,
): readonly { readonly target: FuzzTarget; readonly count: number }[] {
  const whole = targets.reduce((sum, { weight }) => sum + weight, 0);
  const shares = targets.map((target) => ({
    target,
    count: Math.max(1, Math.floor((inputs * target.weight) / whole)),
  }));
  const left = inputs - shares.reduce((sum, { count }) => sum + count, 0);
  // What rounding leaves goes to the first; a run of fewer inputs than targets runs one each.
  return shares.map((share, index) =>
    index === 0 ? { ...share, count: Math.max(1, share.count + left) } : share,
  );
}

export function inputOf(target: FuzzTarget, seed: number, number: number): Uint8Array {
  const rng = createRng(seed).split(`${target.name} ${number}`);
  return mutate(target.make(rng), rng, target.words);
}

/** Runs the share. `onInput` hears of each before it runs, so that one that never ends has a name. */
export async function runShare(
  { target, from, count }: FuzzShare,
  seed: number,
  onInput: (number: number) => void = () => undefined,
): Promise<readonly Escape[]> {
  const escapes: Escape[] = [];
  for (let number = from; number < from + count; number += 1) {
    onInput(number);
    const what = await tryInput(target, inputOf(target, seed, number));
    if (what === undefined) continue;
    escapes.push({ target: target.name, number, what });
    if (escapes.length >= ESCAPES_TOLD_MAX) break;
  }
  return escapes;
}

/** What went wrong; undefined when nothing did. */
async function tryInput(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  const first = await timed(target, input);
  if (first.escape !== undefined || first.tookMs <= SLOW_MS) return first.escape;
  let best = first.tookMs;
  for (let turn = 1; turn < SLOW_TRIES && best > SLOW_MS; turn += 1)
    best = Math.min(best, (await timed(target, input)).tookMs);
  return best > SLOW_MS ? `took ${Math.round(best)} ms for ${input.length} bytes` : undefined;
}

async function timed(
  target: FuzzTarget,
  input: Uint8Array,
): Promise<{ readonly escape: string | undefined; readonly tookMs: number }> {
  const beganMs = performance.now();
  let escaped: string | undefined;
  try {
    const answer = target.run(input);
    if (answer instanceof Promise) await answer;
  } catch (error) {
    if (!isClusterError(error) || error.kind === 'bug') escaped = describe(error);
  }
  return { escape: escaped, tookMs: performance.now() - beganMs };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const cause = isClusterError(error) && error.cause instanceof Error ? error.cause : error;
  const frames = (cause.stack ?? '').split('\n').slice(1, 4);
  return `${cause.name}: ${cause.message.slice(0, 200)} ${frames.map((frame) => frame.trim()).join(' ')}`;
}
