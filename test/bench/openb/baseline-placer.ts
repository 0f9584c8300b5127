/**
 * The policies that production is judged against, as published: FGD (USENIX ATC'23) with its integer score and the
 * order of names among equals, BestFit, and Random. Host states are hash-consed and scores cached per (pod kind,
 * state), which changes nothing about the choices.
 */
import { createRng, type SplittableRng } from '../../../proto/runtime/rng.ts';
import type { OpenbHost, Pod } from './openb-lists.ts';
import type { Placer } from './placer.ts';

const WHOLE = 1000;
const TYPICAL_SHARE = 0.95;
/** Constants of the published BestFit: the largest host. */
const BEST_FIT_CPU_MILLI = 128_000;
const BEST_FIT_GPU_MILLI = 8_000;
const UNKNOWN = -2_147_483_648;
const IMPOSSIBLE = UNKNOWN + 1;

interface State {
  readonly model: string;
  readonly cpu: number;
  /** Falling. */
  readonly gpus: readonly number[];
  readonly fragmentation: number;
}

interface TypicalPod extends Pod {
  readonly share: number;
}

/** Scores and successors of one kind of pod, by state. */
interface PodKind {
  scores: Int32Array;
  successors: Int32Array;
}

interface Placed {
  readonly host: number;
  readonly pod: Pod;
  /** Free thousandths of the GPUs before, by place in the host. */
  readonly gpus: readonly number[];
}

export class BaselinePlacer implements Placer {
  readonly #policy: 'fgd' | 'bestfit' | 'random';
  readonly #hosts: readonly OpenbHost[];
  readonly #typical: readonly TypicalPod[];
  readonly #rng: SplittableRng;
  readonly #states: State[] = [];
  readonly #stateNumbers = new Map<string, number>();
  readonly #stateOf: Int32Array;
  readonly #memory: Float64Array;
  readonly #cpu: number[];
  /** Free thousandths by host and GPU. */
  readonly #gpus: number[][];
  readonly #kinds = new Map<string, PodKind>();
  readonly #kindOf = new Map<Pod, PodKind>();

  constructor(
    policy: 'fgd' | 'bestfit' | 'random',
    hosts: readonly OpenbHost[],
    pods: readonly Pod[],
    seed: number,
  ) {
    this.#policy = policy;
    this.#hosts = hosts;
    this.#typical = typicalOf(pods);
    this.#rng = createRng(seed).split('openb-random-policy');
    this.#memory = Float64Array.from(hosts, (host) => host.memoryMib);
    this.#cpu = hosts.map((host) => host.cpuMilli);
    this.#gpus = hosts.map((host) => Array.from({ length: host.gpus }, () => WHOLE));
    this.#stateOf = Int32Array.from(hosts, (_, host) => this.#stateNow(host));
  }

  arrive(): void {}

  place(pod: Pod): Placed | undefined {
    const host = this.#hostFor(pod);
    if (host < 0) return undefined;
    const gpus = this.#gpusFor(host, pod);
    this.#move(host, pod, gpus, -1);
    return { host, pod, gpus };
  }

  release(placed: unknown): void {
    const { host, pod, gpus } = placed as Placed;
    this.#move(host, pod, gpus, 1);
  }

  fitsWhere(placed: unknown, pod: Pod): boolean {
    const { host } = placed as Placed;
    if ((this.#memory[host] as number) < pod.memoryMib) return false;
    return levelsFor(this.#states[this.#stateOf[host] as number] as State, pod).length > 0;
  }

  /** The best score; the first by name among equals (hosts are read in that order). */
  #hostFor(pod: Pod): number {
    const kind = this.#kindFor(pod);
    let best = -1;
    let bestScore = IMPOSSIBLE;
    let seen = 0;
    for (let host = 0; host < this.#stateOf.length; host += 1) {
      if ((this.#memory[host] as number) < pod.memoryMib) continue;
      const state = this.#stateOf[host] as number;
      let score = state < kind.scores.length ? (kind.scores[state] as number) : UNKNOWN;
      if (score === UNKNOWN) score = this.#score(kind, pod, state);
      if (score === IMPOSSIBLE) continue;
      if (this.#policy === 'random') {
        seen += 1;
        if (this.#rng.integer(seen) === 0) best = host;
      } else if (score > bestScore) {
        best = host;
        bestScore = score;
      }
    }
    return best;
  }

  #score(kind: PodKind, pod: Pod, number: number): number {
    const state = this.#states[number] as State;
    let best = IMPOSSIBLE;
    let successor = -1;
    for (const level of levelsFor(state, pod)) {
      const score = this.#scoreOf(state, pod, level);
      if (score <= best) continue;
      best = score;
      successor = level;
    }
    if (number >= kind.scores.length) {
      const room = 2 * (number + 512);
      kind.scores = widen(kind.scores, room);
      kind.successors = widen(kind.successors, room);
    }
    kind.scores[number] = best;
    kind.successors[number] = successor;
    return best;
  }

  #scoreOf(state: State, pod: Pod, level: number): number {
    if (this.#policy === 'random') return 0;
    if (this.#policy === 'bestfit') {
      const free = state.gpus.reduce((sum, gpu) => sum + gpu, 0);
      const cpu = (state.cpu - pod.cpuMilli) / BEST_FIT_CPU_MILLI;
      return Math.floor(100 * (1 - 0.5 * cpu - (0.5 * (free - pod.askedMilli)) / BEST_FIT_GPU_MILLI));
    }
    const after = this.#fragmentationOf(state.model, state.cpu - pod.cpuMilli, take(state.gpus, pod, level));
    return Math.floor(100 / (1 + Math.exp((after - state.fragmentation) / WHOLE)));
  }

  /** Thousandths of the host that typical pods cannot use, weighted by how frequent they are. */
  #fragmentationOf(model: string, cpu: number, gpus: readonly number[]): number {
    let free = 0;
    for (const gpu of gpus) free += gpu;
    let sum = 0;
    for (const pod of this.#typical) {
      if (pod.gpuCount === 0) {
        sum += pod.share * free;
        continue;
      }
      let enough = 0;
      let slivers = 0;
      for (const gpu of gpus) {
        if (gpu >= pod.gpuMilli) enough += 1;
        else slivers += gpu;
      }
      const isAllowed = pod.models.length === 0 || pod.models.includes(model);
      const fits = isAllowed && cpu >= pod.cpuMilli && enough >= pod.gpuCount;
      sum += pod.share * (fits ? slivers : free);
    }
    return sum;
  }

  /** Places of the GPUs to take: of the level that scored best, lowest first. */
  #gpusFor(host: number, pod: Pod): readonly number[] {
    if (pod.gpuCount === 0) return [];
    const free = this.#gpus[host] as number[];
    if (pod.gpuMilli === WHOLE)
      return free.flatMap((milli, gpu) => (milli === WHOLE ? [gpu] : [])).slice(0, pod.gpuCount);
    if (this.#policy === 'fgd') {
      const level = this.#kindFor(pod).successors[this.#stateOf[host] as number] as number;
      return [free.indexOf(level)];
    }
    const fitting = free.flatMap((milli, gpu) => (milli >= pod.gpuMilli ? [gpu] : []));
    if (this.#policy === 'random') return [fitting[this.#rng.integer(fitting.length)] as number];
    const tightest = Math.min(...fitting.map((gpu) => free[gpu] as number));
    return [free.indexOf(tightest)];
  }

  #move(host: number, pod: Pod, gpus: readonly number[], sign: 1 | -1): void {
    const free = this.#gpus[host] as number[];
    for (const gpu of gpus) free[gpu] = (free[gpu] as number) + sign * pod.gpuMilli;
    this.#cpu[host] = (this.#cpu[host] as number) + sign * pod.cpuMilli;
    this.#memory[host] = (this.#memory[host] as number) + sign * pod.memoryMib;
    this.#stateOf[host] = this.#stateNow(host);
  }

  #stateNow(host: number): number {
    const { model } = this.#hosts[host] as OpenbHost;
    const gpus = [...(this.#gpus[host] as number[])].sort((a, b) => b - a);
    const cpu = this.#cpu[host] as number;
    const key = `${model} ${cpu} ${gpus.join(' ')}`;
    const known = this.#stateNumbers.get(key);
    if (known !== undefined) return known;
    const fragmentation = this.#policy === 'fgd' ? this.#fragmentationOf(model, cpu, gpus) : 0;
    this.#states.push({ model, cpu, gpus, fragmentation });
    this.#stateNumbers.set(key, this.#states.length - 1);
    return this.#states.length - 1;
  }

  /** Pods that differ in memory only are scored alike. */
  #kindFor(pod: Pod): PodKind {
    const known = this.#kindOf.get(pod);
    if (known !== undefined) return known;
    const key = keyOf(pod);
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { scores: new Int32Array(0), successors: new Int32Array(0) };
      this.#kinds.set(key, kind);
    }
    this.#kindOf.set(pod, kind);
    return kind;
  }
}

/** Free thousandths that a share may be cut from, or one level for whole GPUs and none; empty when it does not fit. */
function levelsFor(state: State, pod: Pod): readonly number[] {
  if (state.cpu < pod.cpuMilli) return [];
  if (pod.gpuCount === 0) return [0];
  if (pod.models.length > 0 && !pod.models.includes(state.model)) return [];
  if (pod.gpuMilli === WHOLE) {
    const idle = state.gpus.filter((gpu) => gpu === WHOLE).length;
    return idle >= pod.gpuCount ? [WHOLE] : [];
  }
  return [...new Set(state.gpus)].filter((gpu) => gpu >= pod.gpuMilli);
}

function take(gpus: readonly number[], pod: Pod, level: number): readonly number[] {
  const after = [...gpus];
  for (let taken = 0; taken < pod.gpuCount; taken += 1) {
    const at = after.indexOf(level);
    after[at] = (after[at] as number) - pod.gpuMilli;
  }
  return after;
}

/** The most frequent kinds of pods, up to 95 % of the list. */
function typicalOf(pods: readonly Pod[]): readonly TypicalPod[] {
  const counts = new Map<string, { readonly pod: Pod; count: number }>();
  for (const pod of pods) {
    const entry = counts.get(keyOf(pod));
    if (entry === undefined) counts.set(keyOf(pod), { pod, count: 1 });
    else entry.count += 1;
  }
  const ranked = [...counts.values()].sort((a, b) => b.count - a.count);
  let sum = 0;
  const kept = ranked.filter(({ count }) => {
    const isTypical = sum < TYPICAL_SHARE * pods.length;
    if (isTypical) sum += count;
    return isTypical;
  });
  return kept.map(({ pod, count }) => ({ ...pod, share: count / sum }));
}

function keyOf(pod: Pod): string {
  return `${pod.cpuMilli} ${pod.gpuCount} ${pod.gpuMilli} ${pod.models.join('|')}`;
}

function widen(old: Int32Array, length: number): Int32Array {
  const wide = new Int32Array(length).fill(UNKNOWN);
  wide.set(old);
  return wide;
}
