/** The usage ledger folded a second time, from placements and ends alone; each entry is compared as it changes. */
import type { ClusterEvent, StampedEvent } from '../../controller/core/event.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import { DEFAULT_QUEUE } from '../../proto/domain/scheduling.ts';

const DAY_MS = 86_400_000;

interface Open {
  readonly fromMs: number;
  readonly gpuMilli: number;
  /** Project, queue and user. */
  readonly who: string;
}

interface Sum {
  gpuMilliMs: number;
  attempts: number;
}

export class UsageSums {
  readonly #shadow: ClusterState;
  readonly #fail: (message: string) => void;
  readonly #open = new Map<string, Open>();
  readonly #sums = new Map<string, Sum>();
  #isChanged = false;

  constructor(shadow: ClusterState, fail: (message: string) => void) {
    this.#shadow = shadow;
    this.#fail = fail;
  }

  /** The shadow does not know the fact yet, but all those before it. */
  judge({ event, timeMs }: StampedEvent): void {
    if (this.#isChanged) this.compare();
    if (event.type === 'attempt-placed') this.#begin(event, timeMs);
    else if (event.type === 'attempt-ended' || event.type === 'attempt-released') {
      const name = `${event.jobId}.${event.attempt}`;
      const open = this.#open.get(name);
      if (open === undefined) return;
      this.#open.delete(name);
      this.#charge(open, timeMs);
      this.#isChanged = true;
    }
  }

  #begin(event: Extract<ClusterEvent, { readonly type: 'attempt-placed' }>, fromMs: number): void {
    const job = this.#shadow.job(event.jobId);
    if (job === undefined) return;
    const who = [job.projectId, job.spec.queue ?? DEFAULT_QUEUE, job.createdBy].join('/');
    const gpuMilli = event.gpuUuids.length * 1_000;
    this.#open.set(`${event.jobId}.${event.attempt}`, { fromMs, gpuMilli, who });
  }

  /** A clock that was set back in between makes it nothing. */
  #charge({ fromMs, gpuMilli, who }: Open, toMs: number): void {
    let at = fromMs;
    while (at < toMs) {
      const untilMs = Math.min(toMs, (Math.floor(at / DAY_MS) + 1) * DAY_MS);
      this.#sumOf(at, who).gpuMilliMs += gpuMilli * (untilMs - at);
      at = untilMs;
    }
    this.#sumOf(Math.max(fromMs, toMs), who).attempts += 1;
  }

  #sumOf(atMs: number, who: string): Sum {
    const key = `${Math.floor(atMs / DAY_MS)}/${who}`;
    const sum = this.#sums.get(key) ?? { gpuMilliMs: 0, attempts: 0 };
    this.#sums.set(key, sum);
    return sum;
  }

  /** O(entries): days, projects, queues and users are few. */
  compare(): void {
    this.#isChanged = false;
    let entries = 0;
    for (const { day, projectId, queue, user, gpuMilliMs, attempts } of this.#shadow.scheduling.usage()) {
      // A task without GPUs that runs past midnight leaves one with nothing in it.
      if (gpuMilliMs > 0 || attempts > 0) entries += 1;
      const sum = this.#sums.get(`${day}/${projectId}/${queue}/${user}`);
      if (sum?.gpuMilliMs !== gpuMilliMs || sum.attempts !== attempts)
        this.#fail(`usage of ${user} in ${projectId} is ${gpuMilliMs}, and not ${sum?.gpuMilliMs ?? 0}`);
    }
    const own = [...this.#sums.values()].filter((sum) => sum.gpuMilliMs > 0 || sum.attempts > 0).length;
    if (own !== entries) this.#fail(`usage has ${entries} entries, and not ${own}`);
  }
}
