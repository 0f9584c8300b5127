/**
 * What the brake holds, for those who must be told: the host's operator by a condition, the controller by a message
 * that names exactly that stop, so that a consent can be given to it and to no other.
 */
import { type MassStopMessage, massStopLines } from '../../proto/domain/session.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import type { MassStop } from '../core/reconcile.ts';
import type { ConditionBoard } from './condition-board.ts';

export interface HeldStop {
  readonly names: ReadonlySet<string>;
  /** What the brake says at each look; undefined: it holds nothing. */
  set(held: MassStop | undefined): void;
  /** As it is told; count 0 when nothing is held. */
  message(): MassStopMessage;
  /** The names to stop, when the consent is to what is held now. */
  confirm(count: number, hash: string): ReadonlySet<string> | undefined;
}

export interface HeldStopOptions {
  readonly conditions: ConditionBoard;
  readonly logger: Logger;
  /** Something is held, was asked about again, or is held no more. */
  readonly onMassStop?: () => void;
}

export function createHeldStop({ conditions, logger, onMassStop }: HeldStopOptions): HeldStop {
  let now: MassStop | undefined;

  function message(): MassStopMessage {
    const { names = [], liveCount = 0 } = now ?? {};
    return { kind: 'mass-stop-held', count: names.length, liveCount, hash: sha256Hex(massStopLines(names)) };
  }

  return {
    get names() {
      return new Set(now?.names);
    },
    set(held) {
      const before = now;
      now = held;
      if (held === undefined) conditions.clear('MASS_STOP_HELD');
      else {
        const { names, liveCount } = held;
        const told = `a full set of orders drops ${names.length} of ${liveCount} live tasks; they go on until the stop is confirmed`;
        logger.error('mass stop is held', { names, liveCount });
        conditions.raise('MASS_STOP_HELD', told);
      }
      if (held !== undefined || before !== undefined) onMassStop?.();
    },
    message,
    confirm(count, hash) {
      const held = message();
      if (now === undefined || held.count !== count || held.hash !== hash) {
        logger.warn('consent to another stop than the one that is held', { count, held: held.count });
        onMassStop?.();
        return undefined;
      }
      logger.warn('a mass stop was confirmed', { names: now.names });
      return new Set(now.names);
    },
  };
}
