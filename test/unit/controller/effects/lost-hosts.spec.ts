/**
 * Aim: a verdict is asked for lost hosts that hold something, only for those, with the silence that was measured; and
 * not right after this process itself was asleep. Method: an engine that notes commands, on a simulated clock.
 */
import t from 'tap';
import type { Command } from '../../../../controller/core/command.ts';
import { VERDICT_EVERY_MS, watchLostHosts } from '../../../../controller/effects/lost-hosts.ts';
import type { HostState } from '../../../../proto/domain/catalog.ts';
import type { HostId } from '../../../../proto/domain/ids.ts';
import type { Clock } from '../../../../proto/ports/index.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

interface Case {
  readonly states: Readonly<Record<string, HostState>>;
  readonly busy: readonly string[];
}

function setUp({ states, busy }: Case, clock: Clock) {
  const commands: Command[] = [];
  const view = {
    hosts: () => Object.keys(states).map((id) => ({ id })),
    use: (id: string) => ({ tasks: busy.includes(id) ? [{}] : [] }),
  };
  const watch = watchLostHosts({
    engine: {
      read: async (look: (view: never) => unknown) => look(view as never),
      submit: async (command: Command) => {
        commands.push(command);
        return { subject: '', seq: 1, replayed: false, declared: ['job_1.1'] };
      },
    } as never,
    liveness: { stateOf: (id) => states[id] ?? 'ready', silentMs: () => 400_000 },
    clock,
    logger: SILENT_LOGGER,
  });
  return { commands, watch };
}

const CASE: Case = {
  states: { host_1: 'ready', host_2: 'unknown', host_3: 'lost', host_4: 'lost' },
  busy: ['host_1', 'host_2', 'host_3'],
};

t.test('lost hosts that hold something are judged by their silence', async (t) => {
  const clock = createSimClock();
  const { commands, watch } = setUp(CASE, clock);
  await clock.run(VERDICT_EVERY_MS);
  const by = { cause: 'silence', silentMs: 400_000 } as const;
  t.same(commands, [{ type: 'declare-lost', hostId: 'host_3' as HostId, by }]);
  watch.close();
  await clock.run(10 * VERDICT_EVERY_MS);
  t.equal(commands.length, 1, 'closed');
});

t.test('a process that slept reads first what was said meanwhile', async (t) => {
  const clock = createSimClock();
  let sleptMs = 0;
  const { commands, watch } = setUp(CASE, { ...clock, monotonicMs: () => clock.monotonicMs() + sleptMs });
  sleptMs = 60_000;
  await clock.run(VERDICT_EVERY_MS);
  await settle();
  t.same(commands, []);
  await clock.run(VERDICT_EVERY_MS);
  t.equal(commands.length, 1);
  watch.close();
});
