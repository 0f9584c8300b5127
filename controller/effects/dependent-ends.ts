/**
 * Sees to it that whoever relies on what failed is cancelled, however many they are: one decision ends only so many. Each
 * step is a command like any other, and the state knows who is left, so a crash in between costs nothing.
 */
import type { Principal } from '../../proto/domain/ids.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';

const PRINCIPAL = 'system' as Principal;

export interface DependentEndsOptions {
  readonly engine: Pick<Engine, 'read' | 'submit' | 'onCommit'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}

export interface DependentEnds {
  /** Looks now, for what a restart left. Resolves when nobody is left. */
  look(): Promise<void>;
  /** Waits for the step under way. Idempotent. */
  close(): Promise<void>;
}

export function createDependentEnds({ engine, clock, logger }: DependentEndsOptions): DependentEnds {
  let closed = false;
  let running: Promise<void> | undefined;

  const endAll = async (): Promise<void> => {
    try {
      while (!closed && (await engine.read((view) => view.hasBrokenDependencies))) {
        await engine.submit({ type: 'end-dependents' }, { principal: PRINCIPAL, nowMs: clock.nowMs() });
      }
    } catch (error) {
      // They are left to the next end of a job: until then they only wait.
      if (!closed) logger.warn('jobs that rely on a failed one could not be cancelled', { error });
    } finally {
      // In the turn of the last look, so that no end of a job falls between the two.
      running = undefined;
    }
  };
  const look = (): Promise<void> => {
    running ??= endAll();
    return running;
  };
  const stopListening = engine.onCommit(({ events }) => {
    if (!closed && events.some(({ type }) => type === 'job-finished')) void look();
  });

  return {
    look,
    async close() {
      closed = true;
      stopListening();
      await running;
    },
  };
}
