/**
 * The churn variant: pods come at random moments and leave after a seeded lifetime at an offered load of 0.95 of the
 * GPUs; those that find no room wait, first come first served, and smaller ones behind may go ahead. What waiting
 * costs, and how much stood idle meanwhile.
 */
import { createRng } from '../../../proto/runtime/rng.ts';
import { openPlacer } from './open-placer.ts';
import { capacityMilliOf, type OpenbHost, type Pod } from './openb-lists.ts';
import type { Placer, Policy } from './placer.ts';

const OFFERED_LOAD = 0.95;
const MEAN_LIFETIME_S = 4 * 3600;
/** Lifetimes until the end; the first half of one is not judged, while the queue forms. */
const LIFETIMES = 2;
const JUDGED_FROM = 0.5;

export interface ChurnOutcome {
  /** Of pods with GPUs that came in the judged time; one that waits at the end has waited until then. */
  readonly waitSecondsMean: number;
  /** Free GPUs while some pod waits for GPUs, in the judged time. */
  readonly idleGpuHours: number;
}

interface Arrival {
  readonly pod: Pod;
  readonly kind: string;
  readonly atS: number;
  readonly lifetimeS: number;
}

interface Departure {
  readonly atS: number;
  readonly placed: unknown;
  readonly askedMilli: number;
}

export function runChurn(
  policy: Policy,
  hosts: readonly OpenbHost[],
  pods: readonly Pod[],
  seed: number,
): ChurnOutcome {
  const capacity = capacityMilliOf(hosts);
  const arrivals = drawArrivals(pods, capacity, seed);
  const run = new ChurnRun(openPlacer(policy, hosts, pods, seed), capacity);
  for (const arrival of arrivals) {
    run.leaveUntil(arrival.atS);
    run.arrive(arrival);
  }
  run.leaveUntil(LIFETIMES * MEAN_LIFETIME_S);
  return run.outcome();
}

class ChurnRun {
  readonly #placer: Placer;
  readonly #departures: Departure[] = [];
  #queue: Arrival[] = [];
  #freeMilli: number;
  #nowS = 0;
  #idleMilliSeconds = 0;
  #waitedS = 0;
  #judged = 0;
  #waitingForGpus = 0;

  constructor(placer: Placer, capacity: number) {
    this.#placer = placer;
    this.#freeMilli = capacity;
  }

  arrive(arrival: Arrival): void {
    this.#moveTo(arrival.atS);
    this.#placer.arrive(arrival.pod);
    if (isJudged(arrival)) this.#judged += 1;
    if (this.#start(arrival)) return;
    this.#queue.push(arrival);
    if (arrival.pod.gpuCount > 0) this.#waitingForGpus += 1;
  }

  /** Lets pods leave in order, each time looking through those that wait. */
  leaveUntil(atS: number): void {
    for (;;) {
      const next = this.#departures[0];
      if (next === undefined || next.atS > atS) break;
      popDeparture(this.#departures);
      this.#moveTo(next.atS);
      this.#placer.release(next.placed);
      this.#freeMilli += next.askedMilli;
      this.#serve(next.placed);
    }
    this.#moveTo(atS);
  }

  outcome(): ChurnOutcome {
    for (const arrival of this.#queue) if (isJudged(arrival)) this.#waitedS += this.#nowS - arrival.atS;
    return {
      waitSecondsMean: this.#judged === 0 ? 0 : this.#waitedS / this.#judged,
      idleGpuHours: this.#idleMilliSeconds / 1000 / 3600,
    };
  }

  /** All that wait found no room before this one left, so only its host can have room now. */
  #serve(gone: unknown): void {
    if (this.#queue.length === 0) return;
    const inVain = new Set<string>();
    const left: Arrival[] = [];
    for (const arrival of this.#queue) {
      if (inVain.has(arrival.kind) || !this.#mayFit(gone, arrival) || !this.#start(arrival)) {
        inVain.add(arrival.kind);
        left.push(arrival);
      } else if (arrival.pod.gpuCount > 0) this.#waitingForGpus -= 1;
    }
    this.#queue = left;
  }

  #mayFit(gone: unknown, { pod }: Arrival): boolean {
    return this.#placer.fitsWhere === undefined || this.#placer.fitsWhere(gone, pod);
  }

  #start(arrival: Arrival): boolean {
    const { pod } = arrival;
    const placed = this.#placer.place(pod);
    if (placed === undefined) return false;
    this.#freeMilli -= pod.askedMilli;
    const atS = this.#nowS + arrival.lifetimeS;
    pushDeparture(this.#departures, { atS, placed, askedMilli: pod.askedMilli });
    if (isJudged(arrival)) this.#waitedS += this.#nowS - arrival.atS;
    return true;
  }

  #moveTo(atS: number): void {
    const fromS = Math.max(this.#nowS, JUDGED_FROM * MEAN_LIFETIME_S);
    if (this.#waitingForGpus > 0 && atS > fromS) this.#idleMilliSeconds += this.#freeMilli * (atS - fromS);
    this.#nowS = atS;
  }
}

function isJudged({ pod, atS }: Arrival): boolean {
  return pod.gpuCount > 0 && atS >= JUDGED_FROM * MEAN_LIFETIME_S;
}

/** The cluster's fill arrives at once, with lifetimes that have no memory; the rest comes as a Poisson stream. */
function drawArrivals(pods: readonly Pod[], capacity: number, seed: number): readonly Arrival[] {
  const root = createRng(seed);
  const [choice, gaps, lifetimes] = ['churn-pods', 'churn-gaps', 'churn-lifetimes'].map((name) =>
    root.split(name),
  ) as [typeof root, typeof root, typeof root];
  const exponential = (rng: typeof root, mean: number): number => -mean * Math.log(1 - rng.fraction());
  const meanAsked = pods.reduce((sum, pod) => sum + pod.askedMilli, 0) / pods.length;
  const inSystem = Math.round((OFFERED_LOAD * capacity) / meanAsked);
  const meanGapS = MEAN_LIFETIME_S / inSystem;
  const arrivals: Arrival[] = [];
  for (let atS = 0; atS < LIFETIMES * MEAN_LIFETIME_S; ) {
    const pod = pods[choice.integer(pods.length)] as Pod;
    const kind = `${pod.cpuMilli} ${pod.memoryMib} ${pod.gpuCount} ${pod.gpuMilli} ${pod.models.join('|')}`;
    arrivals.push({ pod, kind, atS, lifetimeS: exponential(lifetimes, MEAN_LIFETIME_S) });
    if (arrivals.length >= inSystem) atS += exponential(gaps, meanGapS);
  }
  return arrivals;
}

function pushDeparture(heap: Departure[], departure: Departure): void {
  let at = heap.length;
  heap.push(departure);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if ((heap[parent] as Departure).atS <= departure.atS) break;
    heap[at] = heap[parent] as Departure;
    at = parent;
  }
  heap[at] = departure;
}

function popDeparture(heap: Departure[]): void {
  const last = heap.pop() as Departure;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && (heap[child + 1] as Departure).atS < (heap[child] as Departure).atS)
      child += 1;
    if ((heap[child] as Departure).atS >= last.atS) break;
    heap[at] = heap[child] as Departure;
    at = child;
  }
  heap[at] = last;
}
