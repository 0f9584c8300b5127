/**
 * Aim: what connections may cost before they say who they are is bounded by network and in all, a flood pays with its
 * own oldest, and the memory of it is bounded. Method: the gate alone, with a simulated clock.
 */
import t from 'tap';
import { createConnectionGate, type Passage } from '../../../../proto/rpc/connection-gate.ts';
import { CONNECTION_LIMITS, type ConnectionLimits } from '../../../../proto/rpc/connection-limits.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

interface Knock {
  readonly passage: Passage;
  begun: boolean;
  cut: boolean;
}

function open(limits: Partial<ConnectionLimits>) {
  const clock = createSimClock();
  const gate = createConnectionGate({ logger: SILENT_LOGGER, clock, limits });
  const enter = (address: string): Knock | undefined => {
    const knock = { begun: false, cut: false };
    const passage = gate.enter(address, {
      begin: () => void Object.assign(knock, { begun: true }),
      cut: () => void Object.assign(knock, { cut: true }),
    });
    return passage === undefined ? undefined : Object.assign(knock, { passage });
  };
  const arrive = (address: string): Knock => {
    const knock = enter(address);
    if (knock === undefined) throw new Error('refused');
    return knock;
  };
  const shake = (address: string): Knock => {
    const knock = arrive(address);
    knock.passage.handshaken();
    return knock;
  };
  return { clock, gate, enter, arrive, shake };
}

t.test('handshakes of one address are bounded; more wait, and no other address pays', async (t) => {
  const { arrive, gate } = open({ unfinishedPerNetworkMax: 3 });
  const held = [1, 2, 3, 4].map(() => arrive('10.0.0.1'));
  t.same(
    held.map(({ begun }) => begun),
    [true, true, true, false],
  );
  t.ok(arrive('10.0.0.2').begun);
  held[0]?.passage.leave();
  held[0]?.passage.leave();
  t.ok(held[3]?.begun, 'an end makes room');
  t.equal(gate.unproven, 4, 'left once');
  held[1]?.passage.handshaken();
  t.ok(arrive('10.0.0.1').begun, 'and so does a finished handshake');
});

t.test('a newcomer takes the place of the oldest handshake, once that is slow', async (t) => {
  const { arrive, clock } = open({ unfinishedPerNetworkMax: 3, handshakePatienceMs: 1_000 });
  const slow = [1, 2, 3].map(() => arrive('10.0.0.1'));
  clock.advance(500);
  const honest = arrive('10.0.0.1');
  t.notOk(honest.begun, 'not while it may be an honest one');
  clock.advance(499);
  t.notOk(honest.begun);
  clock.advance(1);
  t.ok(honest.begun);
  t.same(
    slow.map(({ cut }) => cut),
    [true, false, false],
  );
});

t.test('handshakes that look slow together, after a stall, are cut a few at a time', async (t) => {
  const { arrive, clock } = open({ unfinishedPerNetworkMax: 100, handshakePatienceMs: 1_000 });
  const slow = Array.from({ length: 100 }, () => arrive('10.0.0.1'));
  Array.from({ length: 100 }, () => arrive('10.0.0.1'));
  clock.advance(1_000);
  t.equal(slow.filter(({ cut }) => cut).length, 16);
  clock.advance(50);
  t.equal(slow.filter(({ cut }) => cut).length, 32);
});

t.test('the line of one address is bounded, loses its oldest and begins with its newest', async (t) => {
  const { arrive } = open({ unfinishedPerNetworkMax: 1, waitingPerNetworkMax: 2 });
  const first = arrive('10.0.0.1');
  const [a, b, c] = [1, 2, 3].map(() => arrive('10.0.0.1'));
  t.match([a?.cut, b?.cut, c?.cut], [true, false, false]);
  first.passage.leave();
  t.match([b?.begun, c?.begun], [false, true]);
});

t.test('handshakes of one address are bounded in rate, after a burst; those beyond wait', async (t) => {
  const { arrive, clock } = open({ burstPerNetwork: 5, perSecondPerNetwork: 2 });
  const knock = (): boolean => {
    const { begun, passage } = arrive('10.0.0.1');
    passage.leave();
    return begun;
  };
  t.same(Array.from({ length: 6 }, knock), [true, true, true, true, true, false]);
  clock.advance(1_000);
  t.same(Array.from({ length: 3 }, knock), [true, true, false]);
  clock.advance(60_000);
  t.equal(Array.from({ length: 9 }, knock).filter(Boolean).length, 5, 'no more than a burst is saved up');
  const late = arrive('10.0.0.1');
  clock.advance(500);
  t.ok(late.begun, 'a turn comes by itself');
});

t.test('whoever says nothing after the handshake makes room for the next of its address', async (t) => {
  const { shake, clock } = open({ strangersPerNetworkMax: 2, firstCallTimeoutMs: 20_000 });
  const [a, b, c] = [1, 2, 3].map(() => shake('10.0.0.1'));
  const other = shake('10.0.0.2');
  t.match([a?.cut, b?.cut, c?.cut, other.cut], [true, false, false, false]);
  clock.advance(19_999);
  t.notOk(b?.cut);
  clock.advance(1);
  t.match([b?.cut, c?.cut, other.cut], [true, true, true], 'and has a deadline');
});

t.test('who proved who it is, is bounded by that alone', async (t) => {
  const { shake, clock, gate } = open({ strangersPerNetworkMax: 2, provenPerPrincipalMax: 3 });
  const agents = Array.from({ length: 50 }, (_, n) => {
    const knock = shake('10.0.0.1');
    knock.passage.prove(`agent:${n}`);
    knock.passage.prove('somebody else');
    return knock;
  });
  const mine = Array.from({ length: 5 }, () => {
    const knock = shake('10.0.0.1');
    knock.passage.prove('user:ann');
    return knock;
  });
  Array.from({ length: 10 }, () => shake('10.0.0.1'));
  clock.advance(3_600_000);
  t.notOk(
    agents.some(({ cut }) => cut),
    'neither its neighbours nor a deadline cut it',
  );
  t.same(
    mine.map(({ cut }) => cut),
    [true, true, false, false, false],
    'a principal loses its own oldest',
  );
  t.equal(gate.unproven, 0);
  t.equal(gate.connections, 53);
});

t.test('over all networks, whoever has most loses the oldest', async (t) => {
  const { arrive, gate } = open({ unprovenMax: 4 });
  const [one, first] = ['10.0.0.9', '10.0.0.1', '10.0.0.1', '10.0.0.1'].map(arrive);
  arrive('10.0.0.2');
  t.match([one?.cut, first?.cut], [false, true]);
  t.equal(gate.unproven, 4);
});

t.test('a port that is full cuts strangers, never those who said who they are', async (t) => {
  const { shake, enter, gate } = open({ connectionsMax: 3 });
  const proven = [1, 2].map((n) => {
    const knock = shake('10.0.0.1');
    knock.passage.prove(`agent:${n}`);
    return knock;
  });
  const stranger = shake('10.0.0.1');
  const newcomer = shake('10.0.0.2');
  t.ok(stranger.cut);
  newcomer.passage.prove('agent:3');
  t.equal(enter('10.0.0.3'), undefined);
  t.notOk(proven.some(({ cut }) => cut));
  proven[0]?.passage.leave();
  t.ok(enter('10.0.0.3'));
  t.equal(gate.connections, 3);
});

t.test('the tables are bounded, whatever the addresses', async (t) => {
  const { enter, gate } = open({ networksMax: 10, unprovenMax: 5 });
  let most = 0;
  for (let n = 0; n < 1_000; n++) {
    const knock = enter(`10.0.${n >> 8}.${n & 255}`);
    if (n % 2 === 0) knock?.passage.leave();
    most = Math.max(most, gate.networks);
  }
  t.ok(most > 5 && most <= 15, `${most} networks`);
  t.ok(gate.unproven <= 5);
});

t.test('an IPv6 network counts as one, and the address that crowds it pays first', async (t) => {
  const { shake } = open({ strangersPerNetworkMax: 3 });
  const honest = shake('2001:db8:0:1::1');
  const flood = [1, 2, 3, 4].map(() => shake('2001:db8:0:1:ffff::2'));
  t.notOk(flood[3]?.cut);
  t.notOk(honest.cut, 'the address itself lost its oldest');
  t.same(
    flood.map(({ cut }) => cut),
    [true, true, false, false],
  );
  shake('2001:db8:0:1::3');
  t.ok(honest.cut, 'an address that has none takes the oldest of the network');
  t.notOk(shake('2001:db8:0:2::1').cut);
});

t.test('networks are told apart as they are written', async (t) => {
  const pairs = [
    ['::1', '::2', true],
    ['fe80::1%eth0', 'fe80::2%eth1', true],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['::ffff:10.0.0.2', '10.0.0.1', false],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ] as const;
  for (const [one, other, same] of pairs) {
    const { arrive } = open({ unfinishedPerNetworkMax: 1 });
    arrive(one);
    t.equal(arrive(other).begun, !same, `${one} and ${other}`);
  }
});

t.test('a fleet behind one address may come at once', async (t) => {
  const { shake, clock, gate } = open({});
  const hosts = Array.from({ length: 5_000 }, (_, n) => {
    clock.advance(5);
    const knock = shake('127.0.0.1');
    knock.passage.prove(`agent:${n}`);
    return knock;
  });
  t.notOk(hosts.some(({ cut }) => cut));
  t.equal(gate.connections, 5_000);
  t.ok(CONNECTION_LIMITS.connectionsMax >= 3 * 5_000, 'with room for as many that come anew');
});
