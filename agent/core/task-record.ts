/**
 * What the agent remembers of one task, as its journal stores it, and how that looks to the controller.
 * Secret values are never part of it.
 */
import type { TaskKey } from '../../proto/domain/ids.ts';
import type { Exit, StopCause } from '../../proto/domain/job.ts';
import type { DesiredPhase, DesiredTask, TaskObservation, TaskSpec } from '../../proto/domain/task.ts';
import type { PullProgress } from './driver-port.ts';
import { isLive, type TaskState } from './task-state.ts';

export interface StopOrder {
  /** `disconnected`: the host's own, for want of contact. */
  readonly cause: StopCause | 'disconnected';
  /** From `atMs` to the kill. */
  readonly graceMs: number;
  /** Wall time of the first order, to tell an end before it from an end by it. */
  readonly atMs: number;
}

export interface TaskRecord {
  readonly key: TaskKey;
  readonly generation: number;
  /** Leader epoch of the newest order. */
  readonly epoch: number;
  readonly desired: DesiredPhase;
  readonly specHash: string;
  /** Absent when the first order ever seen about it was to stop. */
  readonly spec?: TaskSpec;
  /** The first stop order's cause decides the verdict; a later one may only bring the kill forward. */
  readonly stop?: StopOrder;
  readonly state: TaskState;
  /** Boot of the machine in which the order came; absent in records of agents that did not note it. */
  readonly bootId?: string;
}

/** What is only known live, beside the record. */
export interface TaskLiveView {
  readonly progress: PullProgress;
  readonly logBytes: number;
}

export const NO_PROGRESS: PullProgress = { step: '', bytes: 0, totalBytes: 0 };
export const NO_LIVE_VIEW: TaskLiveView = { progress: NO_PROGRESS, logBytes: 0 };

/** A fresh record of an order; `state` defaults to accepted. Pure. */
export function toRecord(
  order: DesiredTask,
  epoch: number,
  state: TaskState = { phase: 'accepted' },
): TaskRecord {
  return {
    key: order.key,
    generation: order.generation,
    epoch,
    desired: order.phase,
    specHash: order.specHash,
    ...(order.spec === undefined ? {} : { spec: order.spec }),
    state,
  };
}

/** The record under a newer order. The spec of an attempt never changes, so the one on record is kept. */
export function withOrder(record: TaskRecord, order: DesiredTask, epoch: number, nowMs: number): TaskRecord {
  const stop = hurryStop(record.stop, stopOrderOf(order, nowMs));
  const spec = record.spec ?? order.spec;
  return {
    ...record,
    generation: order.generation,
    epoch,
    desired: order.phase,
    ...(spec === undefined ? {} : { spec }),
    ...(stop === undefined ? {} : { stop }),
  };
}

/** Of two orders: the first one's cause, the sooner kill. */
export function hurryStop(first: StopOrder | undefined, later: StopOrder | undefined): StopOrder | undefined {
  if (first === undefined || later === undefined) return first ?? later;
  const killAtMs = Math.min(first.atMs + first.graceMs, later.atMs + later.graceMs);
  return { ...first, graceMs: Math.max(0, killAtMs - first.atMs) };
}

function stopOrderOf(order: DesiredTask, nowMs: number): StopOrder | undefined {
  if (order.phase === 'run') return undefined;
  return { cause: order.stopCause ?? 'operator', graceMs: order.graceMs, atMs: nowMs };
}

/** How the controller sees the record. */
export function toObservation(record: TaskRecord, live: TaskLiveView = NO_LIVE_VIEW): TaskObservation {
  const { state } = record;
  const started = 'started' in state ? state.started : undefined;
  const exit = exitOf(state);
  return {
    key: record.key,
    observedGeneration: record.generation,
    phase: state.phase,
    containerId: started?.containerId ?? '',
    startedAtMs: started?.startedAtMs ?? 0,
    ...(exit === undefined ? {} : { exit }),
    ports: started?.ports ?? [],
    progress: state.phase === 'unknown' ? state.reason : live.progress.step,
    progressBytes: live.progress.bytes,
    progressTotalBytes: live.progress.totalBytes,
    logBytes: live.logBytes,
    stopped: !isLive(state),
    logArchived: state.phase === 'exited' && state.logArchived,
    ...(record.spec === undefined || record.spec.gpuUuids.length === 0
      ? {}
      : { gpuUuids: record.spec.gpuUuids }),
  };
}

/** How it ended, once it has. */
export function exitOf(state: TaskState): Exit | undefined {
  return state.phase === 'finalizing' || state.phase === 'exited' ? state.exit : undefined;
}
