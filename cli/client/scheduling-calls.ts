/**
 * Calls about queues, quotas, the policy, reservations and usage over gRPC, wire to domain.
 */
import type { ListOptions } from '../../proto/domain/list-query.ts';
import type { QueueLimits, QuotaKind, QuotaShare, Reservation } from '../../proto/domain/scheduling.ts';
import type { PolicyVersion } from '../../proto/domain/scheduling-policy.ts';
import type { QueueView, QuotaView, UsageGrouping, UsageRow } from '../../proto/domain/scheduling-views.ts';
import {
  PolicyService,
  QueueService,
  QuotaService,
  ReservationService,
  UsageService,
} from '../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { toWireListOptions } from '../../proto/wire/catalog-wire.ts';
import { quotaKindBridge, usageGroupingBridge } from '../../proto/wire/enum-wire.ts';
import { fromPresent, present } from '../../proto/wire/scalar-wire.ts';
import {
  fromWirePolicy,
  fromWireQueue,
  fromWireQuota,
  fromWireReservation,
  fromWireUsage,
  toWireShare,
} from '../../proto/wire/scheduling-wire.ts';
import { relabel, type Whereabouts } from './connection-error.ts';
import type { Page } from './page.ts';

/** What is absent stays, or has its default in a new queue. */
export interface QueueSettings {
  readonly description?: string;
  readonly priorityBand?: number;
  readonly limits: Partial<QueueLimits>;
  /** Ids or names; empty: all. */
  readonly allowedProjects?: readonly string[];
  readonly hostSelector?: Readonly<Record<string, string>>;
}

export interface QueueCalls {
  create(name: string, settings: QueueSettings): Promise<QueueView>;
  update(name: string, settings: QueueSettings): Promise<QueueView>;
  delete(name: string): Promise<void>;
  get(name: string): Promise<QueueView>;
  list(options: ListOptions): Promise<Page<QueueView>>;
}

export interface QuotaRequest {
  readonly name: string;
  readonly kind: QuotaKind;
  readonly parent?: string;
  readonly shares: readonly QuotaShare[];
  readonly removeShares: readonly string[];
  readonly weight?: number;
}

export interface QuotaCalls {
  /** With what is to be said about it. */
  set(request: QuotaRequest): Promise<{ readonly quota: QuotaView; readonly notes: readonly string[] }>;
  delete(name: string): Promise<void>;
  get(name: string): Promise<QuotaView>;
  list(options: ListOptions): Promise<Page<QuotaView>>;
}

export interface PolicyCalls {
  get(): Promise<PolicyVersion>;
  set(settings: Readonly<Record<string, string>>, note: string): Promise<PolicyVersion>;
  history(options: ListOptions): Promise<Page<PolicyVersion>>;
}

export interface ReservationRequest {
  readonly name: string;
  readonly project: string;
  readonly hosts: readonly string[];
  readonly gpuMilli: number;
  readonly gpuModel: string;
  /** 0: now. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface ReservationCalls {
  create(request: ReservationRequest): Promise<Reservation>;
  /** An empty project: all that the caller sees. */
  list(project: string, options: ListOptions): Promise<Page<Reservation>>;
  delete(reservation: string): Promise<void>;
}

export interface UsageQuery {
  readonly project: string;
  /** YYYY-MM-DD; empty: the controller's default. */
  readonly from: string;
  readonly to: string;
  readonly by: readonly UsageGrouping[];
}

export interface UsageAnswer {
  readonly rows: readonly UsageRow[];
  readonly from: string;
  readonly to: string;
  readonly truncated: boolean;
}

export interface SchedulingCalls {
  readonly queues: QueueCalls;
  readonly quotas: QuotaCalls;
  readonly policy: PolicyCalls;
  readonly reservations: ReservationCalls;
  usage(query: UsageQuery): Promise<UsageAnswer>;
}

export function createSchedulingCalls(channel: RpcChannel, told: Whereabouts): SchedulingCalls {
  const usage = createClient(UsageService, channel);
  return {
    queues: createQueueCalls(channel, told),
    quotas: createQuotaCalls(channel, told),
    policy: createPolicyCalls(channel, told),
    reservations: createReservationCalls(channel, told),
    async usage({ by, ...query }) {
      const request = { ...query, by: by.map((one) => usageGroupingBridge.toWire(one)) };
      const { rows, from, to, truncated } = await relabel(usage.getUsage(request), told);
      return { rows: rows.map((row) => fromWireUsage(row)), from, to, truncated };
    },
  };
}

function createQueueCalls(channel: RpcChannel, told: Whereabouts): QueueCalls {
  const client = createClient(QueueService, channel);
  type Answer = Promise<{ readonly queue?: Parameters<typeof fromWireQueue>[0] | undefined }>;
  const read = async (answer: Answer) =>
    fromWireQueue(fromPresent((await relabel(answer, told)).queue, 'queue'));
  return {
    create: (name, settings) => read(client.createQueue({ name, change: toWireSettings(settings) })),
    update: (name, settings) => read(client.updateQueue({ name, change: toWireSettings(settings) })),
    async delete(name) {
      await relabel(client.deleteQueue({ name }), told);
    },
    get: (name) => read(client.getQueue({ name })),
    async list(options) {
      const answer = await relabel(client.listQueues({ options: toWireListOptions(options) }), told);
      const records = answer.queues.map((queue) => fromWireQueue(queue));
      return { records, nextPageToken: answer.nextPageToken };
    },
  };
}

function toWireSettings({ limits, allowedProjects, hostSelector, ...settings }: QueueSettings) {
  const whole = (value: number | undefined): bigint | undefined =>
    value === undefined ? undefined : BigInt(value);
  return {
    ...settings,
    ...present('timeLimitMs', whole(limits.timeLimitMs)),
    ...present('gpuMilliPerJob', whole(limits.gpuMilliPerJob)),
    ...present('runningPerUser', whole(limits.runningPerUser)),
    ...present('jobsPerUser', whole(limits.jobsPerUser)),
    ...present('allowedProjects', allowedProjects && { projects: [...allowedProjects] }),
    ...present('hostSelector', hostSelector && { labels: { ...hostSelector } }),
  };
}

function createQuotaCalls(channel: RpcChannel, told: Whereabouts): QuotaCalls {
  const client = createClient(QuotaService, channel);
  return {
    async set({ kind, shares, removeShares, ...request }) {
      const wire = { ...request, kind: quotaKindBridge.toWire(kind), removeShares: [...removeShares] };
      const answer = await relabel(client.setQuota({ ...wire, shares: shares.map(toWireShare) }), told);
      return { quota: fromWireQuota(fromPresent(answer.quota, 'quota')), notes: answer.notes };
    },
    async delete(name) {
      await relabel(client.deleteQuota({ name }), told);
    },
    get: async (name) =>
      fromWireQuota(fromPresent((await relabel(client.getQuota({ name }), told)).quota, 'quota')),
    async list(options) {
      const answer = await relabel(client.listQuotas({ options: toWireListOptions(options) }), told);
      const records = answer.quotas.map((quota) => fromWireQuota(quota));
      return { records, nextPageToken: answer.nextPageToken };
    },
  };
}

function createPolicyCalls(channel: RpcChannel, told: Whereabouts): PolicyCalls {
  const client = createClient(PolicyService, channel);
  return {
    get: async () =>
      fromWirePolicy(fromPresent((await relabel(client.getPolicy({}), told)).policy, 'policy')),
    async set(settings, note) {
      const answer = await relabel(client.setPolicy({ settings: { ...settings }, note }), told);
      return fromWirePolicy(fromPresent(answer.policy, 'policy'));
    },
    async history(options) {
      const answer = await relabel(client.listPolicies({ options: toWireListOptions(options) }), told);
      const records = answer.policies.map((policy) => fromWirePolicy(policy));
      return { records, nextPageToken: answer.nextPageToken };
    },
  };
}

function createReservationCalls(channel: RpcChannel, told: Whereabouts): ReservationCalls {
  const client = createClient(ReservationService, channel);
  return {
    async create({ hosts, gpuMilli, startMs, endMs, ...request }) {
      const amounts = { gpuMilli: BigInt(gpuMilli), startMs: BigInt(startMs), endMs: BigInt(endMs) };
      const answer = await relabel(
        client.createReservation({ ...request, ...amounts, hosts: [...hosts] }),
        told,
      );
      return fromWireReservation(fromPresent(answer.reservation, 'reservation'));
    },
    async list(project, options) {
      const request = { project, options: toWireListOptions(options) };
      const answer = await relabel(client.listReservations(request), told);
      const records = answer.reservations.map((reservation) => fromWireReservation(reservation));
      return { records, nextPageToken: answer.nextPageToken };
    },
    async delete(reservation) {
      await relabel(client.deleteReservation({ reservation }), told);
    },
  };
}
