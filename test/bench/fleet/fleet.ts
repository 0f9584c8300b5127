/**
 * The handle on the process of simulated hosts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stopProcess } from '../../kit/cluster-processes.ts';
import { eventually } from '../../kit/eventually.ts';
import type { FleetAnswer, FleetOrder, FleetRequest } from './fleet-process.ts';

export type FleetSeen = Extract<FleetAnswer, { readonly kind: 'seen' }>;

export interface Fleet {
  readonly pid: number;
  /** Since the last look. */
  look(): Promise<FleetSeen>;
  /** Until so many hosts are connected. Resolves with the milliseconds that it took. */
  untilConnected(count: number, deadlineMs: number): Promise<number>;
  close(): Promise<void>;
}

/** What the simulated hosts are made of, for the inputs of a report. */
export const FLEET_SOURCES: readonly string[] = [
  './simulated-host.js',
  '../../../agent/session/session.js',
].map((file) => fileURLToPath(new URL(file, import.meta.url)));

/** Joins and starts all hosts; resolves when they dial. */
export async function startFleet(order: FleetOrder): Promise<Fleet> {
  const child = fork(fileURLToPath(new URL('./fleet-process.js', import.meta.url)), [], {
    execArgv: ['--max-old-space-size=6144'],
  });
  const started = await ask(child, { kind: 'start', order });
  if (started.kind === 'failed') throw new Error(`the fleet did not start: ${started.why}`);
  const look = async (): Promise<FleetSeen> => {
    const seen = await ask(child, { kind: 'look' });
    if (seen.kind !== 'seen') throw new Error('the fleet answered something else');
    return seen;
  };
  return {
    pid: child.pid ?? -1,
    look,
    async untilConnected(count, deadlineMs) {
      const beganMs = performance.now();
      const isThere = async (): Promise<boolean> => (await look()).connected >= count;
      await eventually(isThere, { deadlineMs, everyMs: 100, what: `${count} connected hosts` });
      return performance.now() - beganMs;
    },
    close: () => stopProcess(child),
  };
}

function ask(child: ChildProcess, request: FleetRequest): Promise<FleetAnswer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the fleet ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (answer: FleetAnswer) => {
      child.off('exit', onExit);
      resolve(answer);
    });
    child.send(request);
  });
}
