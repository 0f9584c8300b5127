/**
 * Words of the cluster about its own history, sealed so that nobody else can say them: agents carry them, and by them a
 * controller tells a log that lost its tail from a host that lies. The key is that of the certificate authority, which
 * leaves the controller as little as the authority itself.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** One commit that a leader of this cluster knew as durable. */
export interface ProvedPast {
  readonly epoch: number;
  readonly seq: number;
  /** Of the chain up to it, hex. */
  readonly chainHash: string;
}

/** The log, as far as claims about it are judged. */
export interface HistoryLog {
  readonly epoch: number;
  readonly durableHead: Omit<ProvedPast, 'epoch'>;
  /** Undefined when that event is not kept. @throws ClusterError when it cannot be read */
  chainHashAt(seq: number): Promise<string | undefined>;
}

export interface HistoryProofs extends Pick<HistoryLog, 'chainHashAt'> {
  /** About the newest durable commit; made once per commit. */
  current(clusterId: string): string;
  /** What a leader of the cluster said; undefined for anything that none said. */
  read(proof: string | undefined, clusterId: string): ProvedPast | undefined;
}

const PROOF = /^(\d{1,15})\.(\d{1,15})\.([0-9a-f]{64})\.([0-9a-f]{64})$/;

/** @param secret PEM of the authority's key, or any text that only controllers of this cluster have */
export function createHistoryProofs(secret: string, log: HistoryLog): HistoryProofs {
  const key = createHmac('sha256', secret).update('nabla history proof 1').digest();
  let made: { readonly clusterId: string; readonly seq: number; readonly proof: string } | undefined;
  const seal = (clusterId: string, text: string): Buffer =>
    createHmac('sha256', key).update(`${clusterId} ${text}`).digest();
  return {
    chainHashAt: (seq) => log.chainHashAt(seq),
    current(clusterId) {
      const { seq, chainHash } = log.durableHead;
      if (made?.seq !== seq || made.clusterId !== clusterId) {
        const text = `${log.epoch}.${seq}.${chainHash}`;
        made = { clusterId, seq, proof: `${text}.${seal(clusterId, text).toString('hex')}` };
      }
      return made.proof;
    },
    read(proof = '', clusterId) {
      const [, epoch = '', seq = '', chainHash = '', mac = ''] = PROOF.exec(proof) ?? [];
      if (mac === '') return undefined;
      const expected = seal(clusterId, `${epoch}.${seq}.${chainHash}`);
      if (!timingSafeEqual(expected, Buffer.from(mac, 'hex'))) return undefined;
      return { epoch: Number(epoch), seq: Number(seq), chainHash };
    },
  };
}
