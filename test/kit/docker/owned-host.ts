/**
 * Host ids of test agents, made so that a container tells which test process it belongs to: the driver writes the
 * host id on every container, and nothing else of the product has to know that it is tested.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostId } from '../../../proto/domain/ids.ts';

/** A process of this machine, told apart from a later one with the same number. */
export interface Owner {
  /** Its process id namespace: the same engine may serve several, and numbers mean nothing in another. */
  readonly namespace: number;
  readonly pid: number;
  /** Clock ticks from the machine's start to its own. */
  readonly startTicks: number;
}

/** Fixed widths: a host id has letters and digits only. Namespace, process id, start, and what is random. */
const OWNED = /^host_test([0-9a-z]{7})([0-9a-z]{5})([0-9a-z]{8})[0-9a-z]{9}$/;
const RANDOM_MAX = 36 ** 9;

/** A fresh host id that bears this process. Without /proc nobody can ask for the owner, and it bears nobody. */
export function ownedHostId(): HostId {
  const random = inWidth(randomInt(RANDOM_MAX), 9);
  const namespace = ownNamespace();
  const startTicks = findStartTicks(process.pid);
  if (namespace === undefined || startTicks === undefined) return `host_test${random}` as HostId;
  const parts = [inWidth(namespace, 7), inWidth(process.pid, 5), inWidth(startTicks, 8), random];
  return `host_test${parts.join('')}` as HostId;
}

function inWidth(value: number, width: number): string {
  return value.toString(36).padStart(width, '0');
}

/** Gives the agent whose data folder this is a host id of this process, unless it has one from an earlier start. */
export function claimHost(dataFolder: string): void {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(join(dataFolder, 'host-id'), `${ownedHostId()}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Whose the host id is; undefined when it is none of {@link ownedHostId}. */
export function ownerOf(hostId: string): Owner | undefined {
  const [, namespace, pid, startTicks] = OWNED.exec(hostId) ?? [];
  if (namespace === undefined || pid === undefined || startTicks === undefined) return undefined;
  return {
    namespace: Number.parseInt(namespace, 36),
    pid: Number.parseInt(pid, 36),
    startTicks: Number.parseInt(startTicks, 36),
  };
}

/** True only when the owner would be seen here if it still lived. */
export function isGone(owner: Owner): boolean {
  return owner.namespace === ownNamespace() && findStartTicks(owner.pid) !== owner.startTicks;
}

function ownNamespace(): number | undefined {
  try {
    const found = /^pid:\[(\d+)\]$/.exec(readlinkSync('/proc/self/ns/pid'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    // No /proc: this is not Linux.
    return undefined;
  }
}

/** Undefined when there is no such process. */
function findStartTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold anything; the 20th field behind it is the start.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    // It has ended, or this is not Linux.
    return undefined;
  }
}
