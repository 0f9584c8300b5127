/**
 * The search for changes that help: a run of questions, each answered by a plan, asked one at a time so that whoever
 * answers them can let other work in between. Only what a plan confirmed is told.
 */
import { CHANGE_KINDS, type StartChange } from '../../../proto/domain/explain-views.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { Answer } from './ask-planner.ts';
import type { Ladder, Rung } from './change-ladders.ts';
import { PLANS_MAX, SOONER_BY_MS } from './explain-limits.ts';

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

  /** The largest change first: if that does not help, none does; then the smallest that has it start now is sought. */
  *#climb(ladder: Ladder): Generator<Job, StartChange | undefined, Answer> {
    const { rungs } = ladder;
    const largest = rungs.at(-1) as Rung;
    const most = yield* this.#ask(largest.job);
    if (most === undefined) return undefined;
    if (most.placement === undefined) {
      return this.#isSooner(most) ? toChange(ladder, largest, most) : undefined;
    }
    let low = 0;
    let high = rungs.length - 1;
    let best: Answer = most;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const answer = yield* this.#ask((rungs[middle] as Rung).job);
      if (answer === undefined) break;
      if (answer.placement === undefined) low = middle + 1;
      else {
        high = middle;
        best = answer;
      }
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

  #isSooner({ estimate }: Answer): boolean {
    const { estimate: before } = this.#baseline;
    return (
      estimate !== undefined && before !== undefined && estimate.startMs + SOONER_BY_MS <= before.startMs
    );
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
