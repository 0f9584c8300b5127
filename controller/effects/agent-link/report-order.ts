/**
 * The order of one session's reports. A host numbers them as it writes them, so a report that comes after a later one
 * tells of a past: what it names is measured against each attempt as always, but what a complete one leaves out may
 * have come to the host since, and is no proof of absence.
 */

/** How a report is taken: as it says, without its completeness, or not at all. */
export type ReportRank = 'in-order' | 'late' | 'out-of-order';

export class ReportOrder {
  #heard = -1;
  #heardComplete = -1;

  /**
   * Ranks the report and remembers it. `late`: what it leaves out proves nothing, and nothing is lost by that.
   * `out-of-order`: it is late and the only complete one, so its proof is lost; only a new hello can tell again.
   */
  take(reportSeq: number, complete: boolean): ReportRank {
    const isLate = reportSeq < this.#heard;
    const isOnlyProof = complete && reportSeq > this.#heardComplete;
    this.#heard = Math.max(this.#heard, reportSeq);
    if (isLate) return isOnlyProof ? 'out-of-order' : 'late';
    if (complete) this.#heardComplete = reportSeq;
    return 'in-order';
  }
}
