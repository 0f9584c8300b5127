/** Aim: room for the specs of this folder. Method: hosts of eight GPUs in plain arrays, checked at every step. */
import type { ServiceJob, ServicePacking } from '../../../../../controller/core/service/service-job.ts';

export interface CheckedPacking extends ServicePacking {
  /** Job -> host, of those that hold room. */
  readonly places: ReadonlyMap<string, number>;
}

/** First fit on hosts of 8 GPUs. @throws Error when a host would be over its capacity or a job is taken twice */
export function aPacking(
  hosts: number,
  jobs: readonly ServiceJob[],
  held: Readonly<Record<string, number>> = {},
): CheckedPacking {
  const needs = new Map(jobs.map((job) => [job.id, job.gpuMilli]));
  const needOf = (id: string): number => needs.get(id) ?? Number.NaN;
  let places = new Map<string, number>(Object.entries(held));
  let last = new Map<string, number>();
  const marks: { places: Map<string, number>; last: Map<string, number> }[] = [];
  const freeOn = (host: number): number => {
    return [...places].reduce((free, [id, at]) => free - (at === host ? needOf(id) : 0), 8_000);
  };
  const take = (id: string, host: number): boolean => {
    if (places.has(id)) throw new Error(`${id} is placed twice`);
    if (freeOn(host) < needOf(id)) return false;
    places.set(id, host);
    return true;
  };
  return {
    get places() {
      return places;
    },
    freeGpuMilli: () => [...Array(hosts).keys()].reduce((sum, host) => sum + freeOn(host), 0),
    totalGpuMilli: () => hosts * 8_000,
    tryPlace: (id) => [...Array(hosts).keys()].some((host) => take(id, host)),
    release: (id) => {
      last.set(id, places.get(id) as number);
      if (!places.delete(id)) throw new Error(`${id} holds nothing`);
    },
    restore: (id) => take(id, last.get(id) as number),
    mark: () => marks.push({ places: new Map(places), last: new Map(last) }) - 1,
    undo: (mark) => {
      places = marks[mark]?.places ?? places;
      last = marks[mark]?.last ?? last;
    },
  };
}
