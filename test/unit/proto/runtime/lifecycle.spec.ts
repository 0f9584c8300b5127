/**
 * Aim: a process closes once, in reverse order, within its bound, and a bug ends it after the log is out. Method: a
 * scripted process and a simulated clock.
 */
import { EventEmitter } from 'node:events';
import t from 'tap';
import { createLifecycle } from '../../../../proto/runtime/lifecycle.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function open() {
  const host = new FakeProcess();
  const clock = createSimClock();
  const order: string[] = [];
  const lifecycle = createLifecycle({
    logger: SILENT_LOGGER,
    clock,
    process: host,
    closeTimeoutMs: 1000,
    flush: async () => void order.push('flush'),
  });
  return { host, clock, order, lifecycle };
}

t.test('SIGTERM closes parts in the reverse order of their opening, one after the other', async (t) => {
  const { host, order, lifecycle } = open();
  for (const name of ['store', 'server', 'session']) {
    lifecycle.onClose(name, async () => {
      await settle();
      order.push(name);
    });
  }
  t.notOk(lifecycle.signal.aborted);
  host.emit('SIGTERM');
  t.ok(lifecycle.signal.aborted, 'the signal comes first');
  t.equal(await lifecycle.closed, 0);
  t.strictSame(order, ['session', 'server', 'store']);
});

t.test('closing twice is closing once', async (t) => {
  const { host, lifecycle, order } = open();
  lifecycle.onClose('a', () => void order.push('a'));
  await Promise.all([lifecycle.close('test'), lifecycle.close('test')]);
  host.emit('SIGTERM');
  t.strictSame(order, ['a']);
});

t.test('a part that fails does not keep the others open, and the code tells', async (t) => {
  const { lifecycle, order } = open();
  lifecycle.onClose('first', () => void order.push('first'));
  lifecycle.onClose('broken', () => {
    throw new Error('no');
  });
  await lifecycle.close('test');
  t.strictSame(order, ['first']);
  t.equal(await lifecycle.closed, 70);
});

t.test('a part that hangs is left behind at the bound', async (t) => {
  const { lifecycle, clock } = open();
  lifecycle.onClose('hangs', () => new Promise(() => undefined));
  void lifecycle.close('test');
  await clock.run(1000);
  t.equal(await lifecycle.closed, 70);
});

t.test('a second ctrl-c means now', async (t) => {
  const { host, lifecycle } = open();
  lifecycle.onClose('hangs', () => new Promise(() => undefined));
  host.emit('SIGINT');
  host.emit('SIGINT');
  t.strictSame(host.exits, [130]);
});

t.test('a bug ends the process after the log is out', async (t) => {
  const { host, order } = open();
  host.emit('unhandledRejection', new Error('bug'));
  await settle();
  t.strictSame(order, ['flush']);
  t.strictSame(host.exits, [70]);
});

t.test('what breaks while a crash is told does not begin it again', async (t) => {
  const { host, order } = open();
  host.emit('uncaughtException', new Error('first'));
  host.emit('uncaughtException', new Error('the log cannot be written'));
  await settle();
  t.same(order, ['flush'], 'one crash, one flush');
  t.same(host.exits, [70]);
});
