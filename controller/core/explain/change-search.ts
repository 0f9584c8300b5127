/**
 * The search for changes that help: a run of questions, each answered by a plan, asked one at a time so that whoever
 * answers them can let other work in between. Only what a plan confirmed is told.
 */
import { CHANGE_KINDS, type StartChange } from '../../../proto/domain/explain-views.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { Answer } from './ask-planner.ts';
import { PLANS_MAX, SOONER_BY_MS } from './explain-limits.ts';
import type { Ladder, Rung } from './ladder.ts';

/** How much an answer is an improvement; a smaller change that is as good is better than a larger one. */
type Gain = 'none' | 'sooner' | 'now';

export class ChangeSearch {
  readonly #ladders: readonly Ladder[];
  readonly #baseline: Answer;
  readonly #plansMax: number;
  readonly #found: StartChange[] = [];
  #plans = 0;
  #incomplete = false;

  /** `baseline`: what becomes of the job as it is. */
  constructor(ladders: readonly Ladder[], baseline: Answer, plansMax = PLANS_MAX) {
    this.#ladders = ladders;
    this.#baseline = baseline;
    this.#plansMax = plansMax;
  }

  get plans(): number {
    return this.#plans;
  }

  get incomplete(): boolean {
    return this.#incomplete;
  }

  /** What was found so far: what starts now first, then what starts soonest; of equals the smaller change. */
  get changes(): readonly StartChange[] {
    const rank = ({ kind }: StartChange): number => CHANGE_KINDS.indexOf(kind);
    const startOf = ({ startsNow, estimate }: StartChange): number =>
      startsNow ? 0 : (estimate?.startMs ?? Number.POSITIVE_INFINITY);
    return [...this.#found].sort((left, right) => startOf(left) - startOf(right) || rank(left) - rank(right));
  }

  /** Stops where it is: nothing more is asked. */
  abandon(): void {
    this.#incomplete = true;
  }

  /** Jobs to ask the planner about; each answer is given to the next call of `next`. */
  *questions(): Generator<Job, void, Answer> {
    for (const ladder of this.#ladders) {
      const change = yield* this.#climb(ladder);
      if (change !== undefined) this.#found.push(change);
      if (this.#incomplete) return;
    }
  }

  /** The largest change first: if that gains nothing, none does; then the smallest that gains as much is sought. */
  *#climb(ladder: Ladder): Generator<Job, StartChange | undefined, Answer> {
    const { rungs } = ladder;
    const most = yield* this.#ask((rungs.at(-1) as Rung).job);
    if (most === undefined) return undefined;
    const gain = this.#gainOf(most);
    if (gain === 'none') return undefined;
    let low = 0;
    let high = rungs.length - 1;
    let best: Answer = most;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const answer = yield* this.#ask((rungs[middle] as Rung).job);
      if (answer === undefined) break;
      const reached = this.#gainOf(answer);
      if (reached === gain || reached === 'now') {
        high = middle;
        best = answer;
      } else low = middle + 1;
    }
    return toChange(ladder, rungs[high] as Rung, best);
  }

  *#ask(job: Job): Generator<Job, Answer | undefined, Answer> {
    if (this.#plans >= this.#plansMax) {
      this.#incomplete = true;
      return undefined;
    }
    this.#plans += 1;
    return yield job;
  }

  /** Estimates are compared only where the planner gave both, so that a guess is never held against a promise. */
  #gainOf({ placement, estimate }: Answer): Gain {
    if (placement !== undefined) return 'now';
    const { estimate: before } = this.#baseline;
    const isSooner =
      estimate !== undefined && before !== undefined && estimate.startMs + SOONER_BY_MS <= before.startMs;
    return isSooner ? 'sooner' : 'none';
  }
}

function toChange({ kind, inPlace }: Ladder, { flags, message }: Rung, answer: Answer): StartChange {
  const { placement, estimate } = answer;
  const isNow = placement !== undefined;
  return {
    kind,
    flags,
    message,
    startsNow: isNow,
    inPlace,
    ...(isNow || estimate === undefined ? {} : { estimate }),
  };
}
