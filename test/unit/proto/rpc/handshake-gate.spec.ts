/**
 * Aim: what strangers may cost before they said anything is bounded by address and in all, and so is the memory of it.
 * Method: the gate alone, with a simulated clock.
 */
import t from 'tap';
import {
  createHandshakeGate,
  HANDSHAKE_LIMITS,
  type Handshake,
  type HandshakeLimits,
} from '../../../../proto/rpc/handshake-gate.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

function open(limits: Partial<HandshakeLimits>) {
  const clock = createSimClock();
  const gate = createHandshakeGate({ logger: SILENT_LOGGER, clock, limits });
  const cut: string[] = [];
  const enter = (address: string): Handshake | undefined => gate.enter(address, () => cut.push(address));
  return { clock, gate, cut, enter };
}

t.test('unfinished handshakes of one address are bounded, and no other address pays', async (t) => {
  const { enter, gate } = open({ unfinishedPerAddressMax: 3 });
  const held = [1, 2, 3].map(() => enter('10.0.0.1'));
  t.notOk(enter('10.0.0.1'));
  t.ok(enter('10.0.0.2'));
  held[0]?.leave();
  held[0]?.leave();
  t.equal(gate.unfinished, 3, 'left once');
  t.ok(enter('10.0.0.1'));
  t.notOk(enter('10.0.0.1'));
});

t.test('new connections of one address are bounded in rate, after a burst', async (t) => {
  const { enter, clock } = open({ burstPerAddress: 5, perSecondPerAddress: 2 });
  const knock = (): boolean => {
    const handshake = enter('10.0.0.1');
    handshake?.leave();
    return handshake !== undefined;
  };
  t.same(Array.from({ length: 6 }, knock), [true, true, true, true, true, false]);
  clock.advance(1_000);
  t.same(Array.from({ length: 3 }, knock), [true, true, false]);
  clock.advance(60_000);
  t.equal(Array.from({ length: 9 }, knock).filter(Boolean).length, 5, 'no more than a burst is saved up');
});

t.test('over all addresses, whoever has most of them loses the oldest', async (t) => {
  const { enter, cut, gate } = open({ unfinishedMax: 4 });
  for (const address of ['10.0.0.9', '10.0.0.1', '10.0.0.1', '10.0.0.1']) t.ok(enter(address));
  t.ok(enter('10.0.0.2'));
  t.same(cut, ['10.0.0.1']);
  t.equal(gate.unfinished, 4);
});

t.test('the tables are bounded, whatever the addresses', async (t) => {
  const { enter, gate } = open({ addressesMax: 10, unfinishedMax: 5 });
  let most = 0;
  for (let n = 0; n < 1_000; n++) {
    const handshake = enter(`10.0.${n >> 8}.${n & 255}`);
    if (n % 2 === 0) handshake?.leave();
    most = Math.max(most, gate.addresses);
  }
  t.ok(most > 5 && most <= 15, `${most} addresses`);
  t.ok(gate.unfinished <= 5);
});

t.test('an IPv6 network counts as one address, and a mapped IPv4 one as itself', async (t) => {
  const { enter } = open({ unfinishedPerAddressMax: 1 });
  t.ok(enter('2001:db8:0:1::1'));
  t.notOk(enter('2001:db8:0:1:ffff::2'));
  t.ok(enter('2001:db8:0:2::1'));
  t.ok(enter('::1'));
  t.notOk(enter('::2'));
  t.ok(enter('fe80::1%eth0'));
  t.notOk(enter('fe80::2%eth1'));
  t.ok(enter('::ffff:10.0.0.1'));
  t.notOk(enter('10.0.0.1'));
  t.ok(enter('::ffff:10.0.0.2'));
});

t.test('a fleet behind one address may come at once', async (t) => {
  t.ok(HANDSHAKE_LIMITS.burstPerAddress >= 2_000 && HANDSHAKE_LIMITS.unfinishedPerAddressMax >= 256);
});
