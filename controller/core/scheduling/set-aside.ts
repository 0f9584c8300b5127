/**
 * Operators' reservations as a pass sees them: hosts to keep away from, and numbers of GPUs to leave over, for work of
 * other projects that would run into the window.
 */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { QuotaDemand } from '../quota/quota-ledger.ts';
import type { HostSet } from './packing-port.ts';
import type { HeldReservation } from './pass-input.ts';

/** Equal `key`s stand for equal hosts. */
export interface AvoidedHosts {
  readonly key: string;
  readonly hosts: HostSet;
}

export class SetAside {
  readonly #reservations: readonly HeldReservation[];
  readonly #nowMs: number;
  readonly #hostCount: number;
  readonly #sets = new Map<string, AvoidedHosts>();
  /** GPU thousandths started by this pass: by reservation, on GPUs that would have done, and by its own project. */
  readonly #gone: number[];
  readonly #own: number[];

  constructor(reservations: readonly HeldReservation[], nowMs: number, hostCount: number) {
    this.#reservations = reservations.filter((one) => one.endMs > nowMs);
    this.#nowMs = nowMs;
    this.#hostCount = hostCount;
    this.#gone = this.#reservations.map(() => 0);
    this.#own = this.#reservations.map(() => 0);
  }

  /** For work of the project that holds its room from now until `toMs`. */
  avoidFor(projectId: ProjectId, toMs: number): AvoidedHosts {
    const others = this.#reservations.filter(
      (one) => one.projectId !== projectId && one.startMs < toMs && one.hosts.length > 0,
    );
    const key = others.map((one) => one.id).join(' ');
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const hosts = new Uint8Array(this.#hostCount);
    for (const one of others) for (const host of one.hosts) if (host < hosts.length) hosts[host] = 1;
    const made = { key, hosts };
    this.#sets.set(key, made);
    return made;
  }

  /** Whether a start would use up GPUs that are set aside for others until `toMs`. */
  blocks(projectId: ProjectId, demand: QuotaDemand, toMs: number): boolean {
    return this.#reservations.some((one, at) => {
      if (one.projectId === projectId || one.gpuMilli === 0 || one.startMs >= toMs) return false;
      if (!mayUse(demand, one)) return false;
      const free = one.freeGpuMilli - (this.#gone[at] as number);
      const wanted = Math.max(0, one.gpuMilli - one.heldGpuMilli - (this.#own[at] as number));
      return free - demand.gpuMilli < wanted;
    });
  }

  /** Counts work that starts now. */
  take(projectId: ProjectId, demand: QuotaDemand): void {
    for (const [at, one] of this.#reservations.entries()) {
      if (!mayUse(demand, one)) continue;
      this.#gone[at]! += demand.gpuMilli;
      if (one.projectId === projectId) this.#own[at]! += demand.gpuMilli;
    }
  }

  /** The next moment at which a window opens or closes. */
  nextEdgeMs(): number {
    const edges = this.#reservations.flatMap((one) => [one.startMs, one.endMs]);
    return Math.min(Number.POSITIVE_INFINITY, ...edges.filter((atMs) => atMs > this.#nowMs));
  }
}

/** Work that names no model may land on any. */
function mayUse(demand: QuotaDemand, one: HeldReservation): boolean {
  if (demand.gpuMilli === 0) return false;
  return one.gpuModel === '' || demand.gpuModel === '' || demand.gpuModel.includes(one.gpuModel);
}
