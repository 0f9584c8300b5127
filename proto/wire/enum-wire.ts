/**
 * One bridge per closed set between wire enums and domain words. A value added on either side breaks the
 * build here; a value unknown at run time (a newer peer) is an error with its path, never UNSPECIFIED.
 */
import type { AcceleratorKind, DrainMode, HostState } from '../domain/catalog.ts';
import type { ClusterRole, ProjectRole, UserState } from '../domain/identity.ts';
import type {
  AttemptOutcome,
  AttemptPhase,
  JobState,
  OnDisconnect,
  StopCause,
  Verdict,
} from '../domain/job.ts';
import type { AfterCondition, QuotaKind } from '../domain/scheduling.ts';
import type { UsageGrouping } from '../domain/scheduling-views.ts';
import type { DesiredPhase, TaskPhase } from '../domain/task.ts';
import * as agent from '../gen/nabla/v1/agent_pb.ts';
import * as catalog from '../gen/nabla/v1/catalog_pb.ts';
import * as common from '../gen/nabla/v1/common_pb.ts';
import * as identity from '../gen/nabla/v1/identity_pb.ts';
import * as job from '../gen/nabla/v1/job_pb.ts';
import * as scheduling from '../gen/nabla/v1/scheduling_pb.ts';
import { failField } from './scalar-wire.ts';

/** The named values of a generated enum, without UNSPECIFIED. */
type Named<E extends Readonly<Record<string, number>>> = Exclude<E[keyof E], 0>;

export interface EnumBridge<W extends number, D extends string> {
  toWire(word: D): W;
  /** @throws ClusterError invalid, with the path, for UNSPECIFIED and for values from a newer peer. */
  fromWire(value: number, path: string): D;
  /** UNSPECIFIED is undefined; otherwise as fromWire. */
  fromWireOptional(value: number, path: string): D | undefined;
  /** Undefined becomes UNSPECIFIED (0). */
  toWireOptional(word: D | undefined): W | 0;
}

/** `words` must name every wire value, and together they must be every domain word. */
function bridge<E extends Readonly<Record<string, number>>, D extends string>() {
  return <const M extends Readonly<Record<Named<E>, D>>>(
    words: M & ([D] extends [M[keyof M]] ? unknown : { readonly missing: Exclude<D, M[keyof M]> }),
  ): EnumBridge<Named<E>, D> => {
    const table = new Map<number, D>();
    const inverse = new Map<D, Named<E>>();
    for (const [value, word] of Object.entries(words as Readonly<Record<string, D>>)) {
      table.set(Number(value), word);
      inverse.set(word, Number(value) as Named<E>);
    }
    const fromWire = (value: number, path: string): D =>
      table.get(value) ?? failField(path, value === 0 ? 'is required' : `has the unknown value ${value}`);
    const toWire = (word: D): Named<E> => inverse.get(word) as Named<E>;
    return {
      toWire,
      fromWire,
      fromWireOptional: (value, path) => (value === 0 ? undefined : fromWire(value, path)),
      toWireOptional: (word) => (word === undefined ? 0 : toWire(word)),
    };
  };
}

export const jobStateBridge = bridge<typeof job.JobState, JobState>()({
  [job.JobState.QUEUED]: 'queued',
  [job.JobState.STARTING]: 'starting',
  [job.JobState.RUNNING]: 'running',
  [job.JobState.SUCCEEDED]: 'succeeded',
  [job.JobState.FAILED]: 'failed',
  [job.JobState.CANCELLED]: 'cancelled',
});

/** The domain's `none` is the wire's UNSPECIFIED: use the optional forms. */
export const verdictBridge = bridge<typeof job.Verdict, Exclude<Verdict, 'none'>>()({
  [job.Verdict.USER_CODE]: 'user-code',
  [job.Verdict.OUT_OF_MEMORY]: 'out-of-memory',
  [job.Verdict.IMAGE]: 'image',
  [job.Verdict.DATA]: 'data',
  [job.Verdict.HOST]: 'host',
  [job.Verdict.GPU]: 'gpu',
  [job.Verdict.NETWORK]: 'network',
  [job.Verdict.TIME_LIMIT]: 'time-limit',
  [job.Verdict.QUOTA]: 'quota',
});

export const attemptPhaseBridge = bridge<typeof job.AttemptPhase, AttemptPhase>()({
  [job.AttemptPhase.PLACED]: 'placed',
  [job.AttemptPhase.PREPARING]: 'preparing',
  [job.AttemptPhase.RUNNING]: 'running',
  [job.AttemptPhase.FINALIZING]: 'finalizing',
  [job.AttemptPhase.ENDED]: 'ended',
});

export const attemptOutcomeBridge = bridge<typeof job.AttemptOutcome, AttemptOutcome>()({
  [job.AttemptOutcome.SUCCEEDED]: 'succeeded',
  [job.AttemptOutcome.FAILED]: 'failed',
  [job.AttemptOutcome.CANCELLED]: 'cancelled',
  [job.AttemptOutcome.PREEMPTED]: 'preempted',
  [job.AttemptOutcome.LOST]: 'lost',
});

export const onDisconnectBridge = bridge<typeof job.OnDisconnect, OnDisconnect>()({
  [job.OnDisconnect.WAIT]: 'wait',
  [job.OnDisconnect.REPLACE]: 'replace',
  [job.OnDisconnect.STOP]: 'stop',
});

/** `both` is no wire word: a request without a stream wants both, so UNSPECIFIED stays optional. */
export const logStreamBridge = bridge<typeof job.LogStream, 'stdout' | 'stderr'>()({
  [job.LogStream.STDOUT]: 'stdout',
  [job.LogStream.STDERR]: 'stderr',
});

export const acceleratorKindBridge = bridge<typeof common.AcceleratorKind, AcceleratorKind>()({
  [common.AcceleratorKind.NVIDIA]: 'nvidia',
  [common.AcceleratorKind.AMD]: 'amd',
  [common.AcceleratorKind.OTHER]: 'other',
});

export const hostStateBridge = bridge<typeof catalog.HostState, HostState>()({
  [catalog.HostState.READY]: 'ready',
  [catalog.HostState.SUSPECT]: 'suspect',
  [catalog.HostState.UNKNOWN]: 'unknown',
  [catalog.HostState.LOST]: 'lost',
});

export const drainModeBridge = bridge<typeof catalog.DrainMode, DrainMode>()({
  [catalog.DrainMode.WAIT]: 'wait',
  [catalog.DrainMode.STOP]: 'stop',
});

export const taskPhaseBridge = bridge<typeof agent.TaskPhase, TaskPhase>()({
  [agent.TaskPhase.ACCEPTED]: 'accepted',
  [agent.TaskPhase.PREPARING]: 'preparing',
  [agent.TaskPhase.RUNNING]: 'running',
  [agent.TaskPhase.FINALIZING]: 'finalizing',
  [agent.TaskPhase.EXITED]: 'exited',
  [agent.TaskPhase.UNKNOWN]: 'unknown',
});

export const desiredPhaseBridge = bridge<typeof agent.DesiredPhase, DesiredPhase>()({
  [agent.DesiredPhase.RUN]: 'run',
  [agent.DesiredPhase.STOP]: 'stop',
  [agent.DesiredPhase.GONE]: 'gone',
});

export const stopCauseBridge = bridge<typeof agent.StopCause, StopCause>()({
  [agent.StopCause.USER]: 'user',
  [agent.StopCause.TIME_LIMIT]: 'time-limit',
  [agent.StopCause.PREEMPTED]: 'preempted',
  [agent.StopCause.OPERATOR]: 'operator',
});

export const clusterRoleBridge = bridge<typeof identity.ClusterRole, ClusterRole>()({
  [identity.ClusterRole.USER]: 'user',
  [identity.ClusterRole.OPERATOR]: 'operator',
  [identity.ClusterRole.ADMIN]: 'admin',
});

export const projectRoleBridge = bridge<typeof identity.ProjectRole, ProjectRole>()({
  [identity.ProjectRole.VIEWER]: 'viewer',
  [identity.ProjectRole.MEMBER]: 'member',
  [identity.ProjectRole.OWNER]: 'owner',
});

export const userStateBridge = bridge<typeof identity.UserState, UserState>()({
  [identity.UserState.ACTIVE]: 'active',
  [identity.UserState.REVOKED]: 'revoked',
});

export const afterConditionBridge = bridge<typeof job.AfterCondition, AfterCondition>()({
  [job.AfterCondition.OK]: 'ok',
  [job.AfterCondition.ANY]: 'any',
});

export const quotaKindBridge = bridge<typeof scheduling.QuotaKind, QuotaKind>()({
  [scheduling.QuotaKind.GROUP]: 'group',
  [scheduling.QuotaKind.PROJECT]: 'project',
});

export const usageGroupingBridge = bridge<typeof scheduling.UsageGrouping, UsageGrouping>()({
  [scheduling.UsageGrouping.PROJECT]: 'project',
  [scheduling.UsageGrouping.USER]: 'user',
  [scheduling.UsageGrouping.QUEUE]: 'queue',
  [scheduling.UsageGrouping.DAY]: 'day',
});
