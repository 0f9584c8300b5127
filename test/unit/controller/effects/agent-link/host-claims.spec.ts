/**
 * Aim: what a host says of the cluster's history stops this controller from writing when the cluster itself once said
 * so, and else costs that host alone, and nobody a line of log per dial. Method: claims over a log of one's choice.
 */
import t from 'tap';
import {
  createHistoryProofs,
  type HistoryLog,
} from '../../../../../controller/effects/agent-link/history-proof.ts';
import { CLAIMS_MAX, createHostClaims } from '../../../../../controller/effects/agent-link/host-claims.ts';
import type { HostId } from '../../../../../proto/domain/ids.ts';
import type { ClusterError } from '../../../../../proto/errors/cluster-error.ts';
import { SILENT_LOGGER } from '../../../../../proto/runtime/logger.ts';
import { hostId } from '../../../../kit/builders.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';

const CLUSTER = 'cluster_1';
const hash = (letter: string): string => letter.repeat(64);

/** A log of ten events, led in epoch 3. */
function aLog(epoch = 3, seq = 10, letter = 'a'): HistoryLog {
  return {
    epoch,
    durableHead: { seq, chainHash: hash(letter) },
    chainHashAt: async (at) => (at > 5 && at <= seq ? hash(letter) : undefined),
  };
}

function setUp(leads = true) {
  const refused: ClusterError[] = [];
  let noted = 0;
  const clock = createSimClock();
  const engine = {
    epoch: 3,
    refuseWrites: (error: ClusterError) => void refused.push(error),
    stillLeads: async () => leads,
  };
  const logger = {
    ...SILENT_LOGGER,
    error: () => {
      noted += 1;
    },
  };
  const claims = createHostClaims({ engine, proofs: createHistoryProofs('key', aLog()), clock, logger });
  const say = (claim: { maxSeenSeq?: number; maxEpoch?: number; proof?: string }, id = hostId('1')) =>
    claims.judge({ hostId: id, clusterId: CLUSTER, maxSeenSeq: 0, maxEpoch: 0, ...claim }, 10, CLUSTER);
  return { refused, clock, claims, say, noted: () => noted };
}

const proofOf = (log: HistoryLog, key = 'key'): string => createHistoryProofs(key, log).current(CLUSTER);

t.test('who has seen what this log has comes in', async (t) => {
  const { say, refused, claims } = setUp();
  await say({ maxSeenSeq: 10, maxEpoch: 3, proof: proofOf(aLog()) });
  await say({ maxSeenSeq: 10, maxEpoch: 3 });
  t.same(refused, []);
  t.same(claims.conditions(hostId('1')), []);
});

t.test(
  'a proved history stops writing: a longer one, a newer leader, another way from some commit on',
  async (t) => {
    for (const [log, code] of [
      [aLog(3, 11), 'CONTROLLER_BEHIND'],
      [aLog(4, 10), 'CONTROLLER_FENCED'],
      [aLog(3, 8, 'b'), 'HISTORY_DIFFERS'],
    ] as const) {
      const { say, refused } = setUp();
      await t.rejects(say({ proof: proofOf(log) }), { code });
      t.match(refused, [{ code, details: { hostId: hostId('1') } }]);
    }
  },
);

t.test('what is not kept any more is not held against anybody', async (t) => {
  const { say, refused } = setUp();
  await say({ proof: proofOf(aLog(3, 4, 'b')) });
  t.same(refused, []);
});

t.test('a claim that nothing proves costs its host alone, and is told once in ten minutes', async (t) => {
  const { say, refused, claims, clock, noted } = setUp();
  const forged = [undefined, '', 'nonsense', proofOf(aLog(9, 99), 'another key'), `${proofOf(aLog(9, 99))}0`];
  for (const proof of forged) {
    const claim = { maxSeenSeq: 99, maxEpoch: 9, ...(proof === undefined ? {} : { proof }) };
    await t.rejects(say(claim), { code: 'CLAIM_UNPROVED', retryAfterMs: 10_000 });
  }
  await t.rejects(claims.judgeRefusal(hostId('1'), 9), { code: 'CLAIM_UNPROVED' });
  t.same(refused, []);
  t.equal(noted(), 1);
  t.match(claims.conditions(hostId('1')), [{ code: 'CLAIM_UNPROVED', message: /epoch 9/ }]);
  clock.advance(10 * 60_000);
  await t.rejects(say({ maxEpoch: 9 }), { code: 'CLAIM_UNPROVED' });
  t.equal(noted(), 2);
  claims.forget(hostId('1'));
  t.same(claims.conditions(hostId('1')), [], 'a revocation clears it');
});

t.test('a host of another cluster is told so, whatever it saw there', async (t) => {
  const { claims, refused } = setUp();
  const moved = { hostId: hostId('1'), clusterId: 'cluster_2', maxSeenSeq: 99, maxEpoch: 9 };
  await t.rejects(claims.judge(moved, 10, CLUSTER), { code: 'WRONG_CLUSTER' });
  t.same(refused, []);
});

t.test('who was deposed learns it from the log', async (t) => {
  const { say, claims, refused } = setUp(false);
  await t.rejects(say({ maxEpoch: 4 }), { code: 'LEADERSHIP_UNPROVED' });
  await t.rejects(claims.judgeRefusal(hostId('1'), 4), { code: 'LEADERSHIP_UNPROVED' });
  t.same(refused, []);
});

t.test('claims of any number of hosts take bounded room', async (t) => {
  const { say, claims } = setUp();
  for (let index = 0; index <= CLAIMS_MAX; index += 1) {
    await say({ maxEpoch: 9 }, `host_${index}` as HostId).catch(() => undefined);
  }
  t.same(claims.conditions('host_0' as HostId), []);
  t.equal(claims.conditions(`host_${CLAIMS_MAX}` as HostId).length, 1);
});
