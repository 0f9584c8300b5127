/**
 * Eight hosts of eight GPUs for the replay of the production policy. A job of up to a host goes to the fullest host with
 * room, a larger one to whole idle hosts.
 */
import type { ServicePacking } from '../../../controller/core/service/service-job.ts';

const HOSTS = 8;
const GPUS_PER_HOST = 8;

interface Seat {
  readonly gpus: number;
  /** The place that it has or had last. */
  hosts: readonly number[];
  held: boolean;
}

/** Of one seat, to be undone: the place it had before. */
interface Change {
  readonly seat: Seat;
  readonly hosts: readonly number[];
}

export interface HostPacking extends ServicePacking {
  admit(jobId: string, gpus: number): void;
  forget(jobId: string): void;
}

export function createHostPacking(): HostPacking {
  const free = Array.from({ length: HOSTS }, () => GPUS_PER_HOST);
  const seats = new Map<string, Seat>();
  const journal: Change[] = [];
  let freeGpus = HOSTS * GPUS_PER_HOST;
  const seatOf = (jobId: string): Seat => {
    const seat = seats.get(jobId);
    if (seat === undefined) throw new Error(`job ${jobId} was not admitted`);
    return seat;
  };
  const perHost = (seat: Seat): number => Math.min(seat.gpus, GPUS_PER_HOST);
  const change = (seat: Seat, hosts: readonly number[], held: boolean): void => {
    const gpus = perHost(seat) * (held ? 1 : -1);
    for (const host of hosts) free[host] = (free[host] as number) - gpus;
    if (hosts.some((host) => (free[host] as number) < 0)) throw new Error('a host is over its capacity');
    freeGpus -= gpus * hosts.length;
    journal.push({ seat, hosts: seat.hosts });
    seat.hosts = hosts;
    seat.held = held;
  };
  const release = (jobId: string): void => {
    const seat = seatOf(jobId);
    if (!seat.held) throw new Error(`job ${jobId} holds nothing`);
    change(seat, seat.hosts, false);
  };
  const place = (seat: Seat, hosts: readonly number[] | undefined): boolean => {
    if (seat.held) throw new Error('a job is placed twice');
    if (hosts !== undefined) change(seat, hosts, true);
    return hosts !== undefined;
  };
  return {
    admit: (jobId, gpus) => void seats.set(jobId, { gpus, hosts: [], held: false }),
    forget: (jobId) => {
      if (seatOf(jobId).held) release(jobId);
      seats.delete(jobId);
      journal.length = 0;
    },
    freeGpuMilli: () => freeGpus * 1_000,
    totalGpuMilli: () => HOSTS * GPUS_PER_HOST * 1_000,
    tryPlace: (jobId) => place(seatOf(jobId), choose(free, seatOf(jobId).gpus)),
    release,
    restore: (jobId) => {
      const seat = seatOf(jobId);
      const fits = seat.hosts.every((host) => (free[host] as number) >= perHost(seat));
      return place(seat, fits ? seat.hosts : undefined);
    },
    mark: () => journal.length,
    undo: (mark) => {
      while (journal.length > mark) {
        const last = journal.pop() as Change;
        change(last.seat, last.seat.hosts, !last.seat.held);
        journal.pop();
        last.seat.hosts = last.hosts;
      }
    },
  };
}

function choose(free: readonly number[], gpus: number): readonly number[] | undefined {
  if (gpus > GPUS_PER_HOST) {
    const idle = [...free.keys()].filter((host) => free[host] === GPUS_PER_HOST);
    const count = Math.ceil(gpus / GPUS_PER_HOST);
    return idle.length < count ? undefined : idle.slice(0, count);
  }
  let best = -1;
  for (const [host, left] of free.entries()) {
    if (left >= gpus && (best < 0 || left < (free[best] as number))) best = host;
  }
  return best < 0 ? undefined : [best];
}
