/**
 * Names of signals as users write them (`TERM`, `SIGTERM`, `15`) to what the kernel takes.
 */
import { constants } from 'node:os';
import { ClusterError } from '../../proto/errors/cluster-error.ts';

/** @throws ClusterError SIGNAL_UNKNOWN */
export function signalNumber(name: string): number {
  const upper = name.toUpperCase();
  const full = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const number = /^\d{1,2}$/.test(name) ? Number(name) : (constants.signals as Record<string, number>)[full];
  if (number !== undefined && number > 0 && number <= 64) return number;
  throw new ClusterError('invalid', 'SIGNAL_UNKNOWN', 'there is no signal of that name', {
    hint: 'use a name such as TERM, INT, USR1 or HUP',
    details: { signal: name },
  });
}
