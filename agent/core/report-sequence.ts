/**
 * Which tasks the controller must still be told about: names become dirty when something changed, travel
 * under a rising sequence number, and are done only when that number was acknowledged as durable.
 */

export interface ReportBatch {
  readonly seq: number;
  /** Sorted task names. */
  readonly names: readonly string[];
}

export interface ReportSequence {
  /** Names not yet sent, or changed since. */
  readonly dirty: ReadonlySet<string>;
  /** Sent and not acknowledged, oldest first. */
  readonly inFlight: readonly ReportBatch[];
  readonly nextSeq: number;
}

export function startReports(nextSeq: number): ReportSequence {
  return { dirty: new Set(), inFlight: [], nextSeq };
}

export function markDirty(state: ReportSequence, names: Iterable<string>): ReportSequence {
  return { ...state, dirty: new Set([...state.dirty, ...names]) };
}

/** Takes at most `max` dirty names for one message; undefined when there is nothing to tell. */
export function takeReport(
  state: ReportSequence,
  max: number,
): { readonly state: ReportSequence; readonly batch: ReportBatch } | undefined {
  if (state.dirty.size === 0) return undefined;
  const sorted = [...state.dirty].sort();
  const batch: ReportBatch = { seq: state.nextSeq, names: sorted.slice(0, max) };
  return {
    batch,
    state: {
      dirty: new Set(sorted.slice(max)),
      inFlight: [...state.inFlight, batch],
      nextSeq: state.nextSeq + 1,
    },
  };
}

/** Settles every batch up to `seq`. `settled` are names whose latest report is durable: nothing newer waits. */
export function acknowledge(
  state: ReportSequence,
  seq: number,
): { readonly state: ReportSequence; readonly settled: readonly string[] } {
  const inFlight = state.inFlight.filter((batch) => batch.seq > seq);
  const waiting = new Set([...state.dirty, ...inFlight.flatMap((batch) => batch.names)]);
  const done = state.inFlight.filter((batch) => batch.seq <= seq).flatMap((batch) => batch.names);
  const settled = [...new Set(done)].filter((name) => !waiting.has(name)).sort();
  return { state: { ...state, inFlight }, settled };
}

/** After a broken connection nothing that was in flight may be taken for told. */
export function rewind(state: ReportSequence): ReportSequence {
  const names = state.inFlight.flatMap((batch) => batch.names);
  return { dirty: new Set([...state.dirty, ...names]), inFlight: [], nextSeq: state.nextSeq };
}
