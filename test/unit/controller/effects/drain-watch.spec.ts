/**
 * Aim: orders about hosts have their effect on what is open: a drain at its deadline, also after a restart, a far
 * deadline or a failed commit, and not when it was taken back; a revocation at once. Method: a small engine over a
 * world, on a simulated clock.
 */
import t from 'tap';
import type { Command } from '../../../../controller/core/command.ts';
import type { Commit, Engine } from '../../../../controller/core/engine.ts';
import { watchDrains } from '../../../../controller/effects/drain-watch.ts';
import { EXPIRY_LOOK_MS, watchRevocations } from '../../../../controller/effects/revocation-watch.ts';
import type { HostId } from '../../../../proto/domain/ids.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { hostId, T0_MS } from '../../../kit/builders.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';
import { World } from '../../../kit/stores-world.ts';

const HOUR_MS = 3_600_000;
const HOST = hostId('1');

function setUp() {
  const world = new World();
  world.addHost({ id: HOST, name: 'one' });
  const clock = createSimClock({ startMs: T0_MS });
  const listeners = new Set<(commit: Commit) => void>();
  const failures: Error[] = [];
  const engine = {
    read: async <T>(look: (view: World['state']) => T): Promise<T> => look(world.state),
    onCommit(listener: (commit: Commit) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async submit(command: Command) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      world.nowMs = clock.nowMs();
      const { events, outcome } = world.run(command);
      const told = events.map(({ type }) => ({ type, subject: HOST }));
      for (const listener of listeners) listener({ events: told } as unknown as Commit);
      return { ...outcome, seq: 1 };
    },
  } as unknown as Engine;
  const drain = (deadlineAfterMs: number) =>
    engine.submit({ type: 'drain-host', host: HOST, mode: 'wait', deadlineAfterMs, reason: '' }, {} as never);
  const isStopping = (): boolean => world.state.host(HOST)?.drain?.stopping === true;
  const watch = () => watchDrains({ engine, clock, logger: SILENT_LOGGER });
  return { world, clock, engine, failures, drain, isStopping, watch };
}

t.test('at the deadline, and not before', async (t) => {
  const { clock, drain, isStopping, watch } = setUp();
  const watching = watch();
  await drain(HOUR_MS);
  await settle();
  await clock.run(HOUR_MS - 1);
  t.notOk(isStopping());
  await clock.run(2);
  t.ok(isStopping());
  await watching.close();
  t.equal(clock.pending, 0);
});

t.test('a clock that was set forward brings the deadline nearer, without an order', async (t) => {
  const { clock, drain, isStopping, watch } = setUp();
  const watching = watch();
  await drain(2 * HOUR_MS);
  await settle();
  clock.stepWall(HOUR_MS);
  await clock.run(HOUR_MS - 60_000);
  t.notOk(isStopping());
  await clock.run(10 * 60_000);
  t.ok(isStopping());
  await watching.close();
});

t.test('a deadline of weeks, a restart in between, a commit that fails', async (t) => {
  const { clock, drain, isStopping, watch, failures } = setUp();
  const first = watch();
  await drain(40 * 24 * HOUR_MS);
  await settle();
  await first.close();
  failures.push(new Error('disk full'));
  const second = watch();
  await clock.run(40 * 24 * HOUR_MS);
  t.notOk(isStopping(), 'the first try failed');
  await clock.run(10_000);
  t.ok(isStopping());
  await second.close();
});

t.test('a drain that is taken back stops nothing', async (t) => {
  const { clock, drain, isStopping, watch, engine } = setUp();
  const watching = watch();
  await drain(HOUR_MS);
  await engine.submit({ type: 'uncordon-host', host: HOST }, {} as never);
  await clock.run(2 * HOUR_MS);
  t.notOk(isStopping());
  await watching.close();
});

t.test('a session ends when its host is revoked, or lets its certificate run out', async (t) => {
  const { world, clock, engine } = setUp();
  const ended: string[] = [];
  const cut: HostId[] = [];
  const watching = watchRevocations({
    engine,
    clock,
    logger: SILENT_LOGGER,
    sessions: { connectedHosts: () => [HOST], endSession: (_host, { code }) => void ended.push(code) },
    cut: (host) => void cut.push(host),
  });
  const identity = { hostId: HOST, generation: 1, revoked: false, serial: '', joinedAtMs: 0 };
  world.state.enrolTable.identities.set(HOST, { ...identity, notAfterMs: T0_MS + EXPIRY_LOOK_MS });
  await clock.run(EXPIRY_LOOK_MS);
  t.same(ended, [], 'at its last moment');
  await clock.run(EXPIRY_LOOK_MS);
  t.same(ended, ['CERTIFICATE_EXPIRED']);
  await engine.submit({ type: 'revoke-host', host: HOST, reason: '' }, {} as never);
  t.same(ended, ['CERTIFICATE_EXPIRED', 'HOST_REVOKED']);
  t.same(cut, [HOST, HOST]);
  watching.close();
  t.equal(clock.pending, 0);
});
