/**
 * Whose history is longer? Hosts say how far the cluster was when they last heard of it. Only what the cluster itself
 * once gave them in writing stops this controller from writing; a bare claim costs the host its own session and nobody
 * else anything.
 */
import type { Condition } from '../../../proto/domain/catalog.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { HelloMessage } from '../../../proto/domain/session.ts';
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import type { Engine } from '../../core/engine.ts';
import {
  claimUnproved,
  controllerBehind,
  controllerFenced,
  historyDiffers,
  leadershipUnproved,
  otherCluster,
} from './agent-link-error.ts';
import type { HistoryProofs, ProvedPast } from './history-proof.ts';

/** Of the condition of a host whose claim nothing proves. */
export const CLAIM_UNPROVED = 'CLAIM_UNPROVED';
/** One host's claims are told in the log no more often than this. */
const NOTED_EVERY_MS = 10 * 60_000;
/** Hosts whose claims are remembered; beyond it the oldest claim is forgotten. */
export const CLAIMS_MAX = 4_096;

type Claimer = Pick<HelloMessage, 'hostId' | 'clusterId' | 'maxSeenSeq' | 'maxEpoch' | 'proof'>;

export interface HostClaims {
  /** @throws ClusterError when the host may not come in; writes are refused then if the claim is proved */
  judge(hello: Claimer, headSeq: number, clusterId: string): Promise<void>;
  /** A host refuses this leader for a newer one. @throws ClusterError always: its session ends */
  judgeRefusal(hostId: HostId, maxEpoch: number): Promise<never>;
  conditions(hostId: HostId): readonly Condition[];
  /** Its certificate was taken back, or it joined anew: what it said before was another's word. */
  forget(hostId: HostId): void;
}

export interface HostClaimsOptions {
  readonly engine: Pick<Engine, 'epoch' | 'refuseWrites' | 'stillLeads'>;
  readonly proofs: HistoryProofs;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Claim {
  readonly condition: Condition;
  readonly notedAtMs: number;
}

export function createHostClaims({ engine, proofs, clock, logger }: HostClaimsOptions): HostClaims {
  /** Insertion order is order of the last claim. */
  const claims = new Map<HostId, Claim>();

  const refuseWrites = (hostId: HostId, error: ClusterError): never => {
    logger.error('a host proves a history that this log does not have: nothing is written any more', {
      hostId,
      error,
    });
    engine.refuseWrites(error);
    throw error;
  };
  const refuseHost = (hostId: HostId, what: string, details: Readonly<Record<string, string>>): never => {
    const nowMs = clock.monotonicMs();
    const before = claims.get(hostId);
    const isQuiet = before !== undefined && nowMs - before.notedAtMs < NOTED_EVERY_MS;
    const error = claimUnproved(what, { hostId, ...details });
    if (!isQuiet) logger.error('a host says what nothing proves, and is refused', { hostId, what, details });
    claims.delete(hostId);
    const [oldest] = claims.keys();
    if (claims.size >= CLAIMS_MAX && oldest !== undefined) claims.delete(oldest);
    const sinceMs = before?.condition.sinceMs ?? clock.nowMs();
    const condition = { code: CLAIM_UNPROVED, message: `${error.message}: ${what}`, sinceMs };
    claims.set(hostId, { condition, notedAtMs: isQuiet ? before.notedAtMs : nowMs });
    throw error;
  };
  const judgeProof = async (hostId: HostId, past: ProvedPast, headSeq: number): Promise<void> => {
    if (past.seq > headSeq) refuseWrites(hostId, controllerBehind(hostId, past.seq, headSeq));
    if (past.epoch > engine.epoch) refuseWrites(hostId, controllerFenced(hostId, past.epoch, engine.epoch));
    if (past.seq === 0) return;
    const ours = await proofs.chainHashAt(past.seq);
    // Not kept any more: nothing can be said about it.
    if (ours !== undefined && ours !== past.chainHash) refuseWrites(hostId, historyDiffers(hostId, past.seq));
  };

  return {
    async judge({ hostId, clusterId: of, maxSeenSeq, maxEpoch, proof }, headSeq, clusterId) {
      const isAhead = maxSeenSeq > headSeq || maxEpoch > engine.epoch;
      // What another cluster did is none of ours: a machine that moved must not stop the one it moved to.
      if (isAhead && of !== '' && of !== clusterId) throw otherCluster(of, clusterId);
      // Whoever was deposed learns it from the log, not from a host.
      if (isAhead && !(await engine.stillLeads())) throw leadershipUnproved();
      const past = of === clusterId ? proofs.read(proof, clusterId) : undefined;
      if (past !== undefined) await judgeProof(hostId, past, headSeq);
      if (maxSeenSeq > headSeq) {
        const details = { maxSeenSeq: String(maxSeenSeq), headSeq: String(headSeq) };
        refuseHost(hostId, `it has seen commit ${maxSeenSeq}, the log ends at ${headSeq}`, details);
      }
      if (maxEpoch > engine.epoch) refuseLeader(hostId, maxEpoch);
      claims.delete(hostId);
    },
    async judgeRefusal(hostId, maxEpoch) {
      if (!(await engine.stillLeads())) throw leadershipUnproved();
      return refuseLeader(hostId, maxEpoch);
    },
    conditions(hostId) {
      const claim = claims.get(hostId);
      return claim === undefined ? [] : [claim.condition];
    },
    forget: (hostId) => void claims.delete(hostId),
  };

  function refuseLeader(hostId: HostId, maxEpoch: number): never {
    const details = { maxEpoch: String(maxEpoch), epoch: String(engine.epoch) };
    return refuseHost(
      hostId,
      `it obeyed a leader of epoch ${maxEpoch}, this one is ${engine.epoch}`,
      details,
    );
  }
}
