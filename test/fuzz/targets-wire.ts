/**
 * Everything that speaks protobuf: each message of each service, in both directions, decoded as the servers and
 * clients do it and handed to the reader of every record in it.
 */
import type { DescMessage, DescService, Message } from '@bufbuild/protobuf';
import { validateJobSpec } from '../../proto/domain/job-validation.ts';
import { queryList } from '../../proto/domain/list-query.ts';
import { hostJson, jobJson } from '../../proto/domain/record-json.ts';
import { HOST_LIST, JOB_LIST } from '../../proto/domain/record-list.ts';
import {
  policyJson,
  queueJson,
  quotaJson,
  reservationJson,
  usageJson,
} from '../../proto/domain/scheduling-json.ts';
import * as adminPb from '../../proto/gen/nabla/v1/admin_pb.ts';
import * as agentPb from '../../proto/gen/nabla/v1/agent_pb.ts';
import * as catalogPb from '../../proto/gen/nabla/v1/catalog_pb.ts';
import * as enrolPb from '../../proto/gen/nabla/v1/enrol_pb.ts';
import * as identityPb from '../../proto/gen/nabla/v1/identity_pb.ts';
import * as jobPb from '../../proto/gen/nabla/v1/job_pb.ts';
import * as schedulingPb from '../../proto/gen/nabla/v1/scheduling_pb.ts';
import { createDecode, requireMessage } from '../../proto/rpc/codec.ts';
import type { SplittableRng } from '../../proto/runtime/rng.ts';
import { fromWireStatus, fromWireStoreCheck } from '../../proto/wire/admin-wire.ts';
import { fromWireTelemetryReport } from '../../proto/wire/agent-wire.ts';
import * as catalogWire from '../../proto/wire/catalog-wire.ts';
import { fromErrorDetailBytes } from '../../proto/wire/error-wire.ts';
import {
  fromWireIdentity,
  fromWireMember,
  fromWireToken,
  fromWireUser,
} from '../../proto/wire/identity-wire.ts';
import { fromWireJobSpec } from '../../proto/wire/job-spec-wire.ts';
import { fromWireArtifact, fromWireJob } from '../../proto/wire/job-wire.ts';
import * as schedulingWire from '../../proto/wire/scheduling-wire.ts';
import { fromWireAgentMessage, fromWireControllerMessage } from '../../proto/wire/session-wire.ts';
import { aHostView, aJob, aJobSpec } from '../kit/builders.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { makeMessage } from './proto-inputs.ts';

/** As the server of users' calls takes them. */
const REQUEST_BYTES_MAX = 1024 * 1024;

/** Strings that pass one check or nearly do. */
const TEXTS: readonly string[] = [
  '',
  'job_1m84h49egznyzf03ggpb',
  'host_1m84h49egznyzf03ggpb',
  'prj_1m84h49egznyzf03ggpb',
  'default',
  'GPU-00000000-0000-0000-0000-000000000000',
  'registry.example.com/team/image:1.2',
  'https://git.example.com/a/b.git',
  'file:///etc',
  '../../etc/passwd',
  'state=running',
  'spec.env.A!=1',
  '-createdAt',
  '__proto__',
  'constructor',
  '%5B%22-createdAt%22%2C%22a%22%2C1%5D',
  'a\0b',
  '\u001b[31m',
  '\u202egpj',
  '🦊',
];

type Reader = (message: never) => unknown;

const READERS: Readonly<Record<string, Reader>> = {
  [agentPb.SessionRequestSchema.typeName]: fromWireAgentMessage,
  [agentPb.SessionResponseSchema.typeName]: fromWireControllerMessage,
  [agentPb.ReportTelemetryRequestSchema.typeName]: fromWireTelemetryReport,
  [jobPb.JobSpecSchema.typeName]: (spec: jobPb.JobSpec) => validateJobSpec(fromWireJobSpec(spec)),
  [jobPb.JobSchema.typeName]: (job: jobPb.Job) => jobJson(fromWireJob(job)),
  [jobPb.ArtifactSchema.typeName]: (artifact: jobPb.Artifact) => fromWireArtifact(artifact),
  [catalogPb.HostSchema.typeName]: (host: catalogPb.Host) => hostJson(catalogWire.fromWireHost(host)),
  [catalogPb.GpuSchema.typeName]: (gpu: catalogPb.Gpu) => catalogWire.fromWireGpuView(gpu),
  [catalogPb.ProjectSchema.typeName]: (project: catalogPb.Project) => catalogWire.fromWireProject(project),
  [catalogPb.SecretSchema.typeName]: (secret: catalogPb.Secret) => catalogWire.fromWireSecret(secret),
  [catalogPb.MachineTypeSchema.typeName]: (type: catalogPb.MachineType) =>
    catalogWire.fromWireMachineType(type),
  [catalogPb.EventSchema.typeName]: (event: catalogPb.Event) => catalogWire.fromWireEventRecord(event),
  [catalogPb.WhoAmIResponseSchema.typeName]: (identity: catalogPb.WhoAmIResponse) =>
    fromWireIdentity(identity),
  [identityPb.UserSchema.typeName]: (user: identityPb.User) => fromWireUser(user),
  [identityPb.TokenSchema.typeName]: (token: identityPb.Token) => fromWireToken(token),
  [identityPb.MemberSchema.typeName]: (member: identityPb.Member) => fromWireMember(member),
  [schedulingPb.QueueSchema.typeName]: (queue: schedulingPb.Queue) =>
    queueJson(schedulingWire.fromWireQueue(queue)),
  [schedulingPb.QuotaNodeSchema.typeName]: (quota: schedulingPb.QuotaNode) =>
    quotaJson(schedulingWire.fromWireQuota(quota)),
  [schedulingPb.PolicyVersionSchema.typeName]: (version: schedulingPb.PolicyVersion) =>
    policyJson(schedulingWire.fromWirePolicy(version)),
  [schedulingPb.ReservationSchema.typeName]: (reservation: schedulingPb.Reservation) =>
    reservationJson(schedulingWire.fromWireReservation(reservation)),
  [schedulingPb.UsageRowSchema.typeName]: (row: schedulingPb.UsageRow) =>
    usageJson(schedulingWire.fromWireUsage(row)),
  [adminPb.StatusResponseSchema.typeName]: fromWireStatus,
  [adminPb.FsckResponseSchema.typeName]: fromWireStoreCheck,
  'nabla.v1.ListOptions': readListOptions,
};

const JOBS = Array.from({ length: 3 }, (_, index) => ({
  ...aJob(),
  id: `job_${index}` as ReturnType<typeof aJob>['id'],
  spec: aJobSpec({ name: `job-${index}`, env: { A: '1' } }),
  queuePosition: index,
  stopRequested: false,
}));

function readListOptions(options: Parameters<typeof catalogWire.fromWireListOptions>[0]): unknown {
  const wanted = catalogWire.fromWireListOptions(options);
  const read = (list: () => unknown): unknown => {
    try {
      return list();
    } catch (error) {
      // A path of one list is unknown to the other; the second one's refusal is as good.
      return error;
    }
  };
  const hosts = read(() => queryList({ ...HOST_LIST, records: [aHostView()] }, wanted));
  const jobs = queryList({ ...JOB_LIST, records: JOBS as never }, wanted);
  return [hosts, jobs];
}

/** Every record within the message, the message itself included. */
function readRecords(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 8) return;
  const { $typeName: typeName } = value as Partial<Message>;
  if (typeName !== undefined && Object.hasOwn(READERS, typeName)) {
    (READERS[typeName] as (message: unknown) => unknown)(value);
    return;
  }
  for (const part of Object.values(value)) readRecords(part, depth + 1);
}

function messageTarget(name: string, schema: DescMessage, weight: number): FuzzTarget {
  const decode = createDecode(schema, REQUEST_BYTES_MAX);
  return {
    name,
    weight,
    words: TEXTS,
    make: (rng: SplittableRng) => makeMessage(schema, rng, TEXTS),
    run: (input) => readRecords(requireMessage(decode(Buffer.from(input)) as Message)),
  };
}

/** One target per service and direction; which method is drawn with the input's first byte. */
function serviceTargets(service: DescService): readonly FuzzTarget[] {
  return (['input', 'output'] as const).map((side) => {
    const each = service.methods.map((method) => messageTarget(method.name, method[side], 1));
    const choose = (byte: number): FuzzTarget => each[byte % each.length] as FuzzTarget;
    return {
      name: `${service.name} ${side === 'input' ? 'requests' : 'answers'}`,
      weight: service.methods.length + 2,
      words: TEXTS,
      make: (rng: SplittableRng) => {
        const chosen = rng.integer(256);
        return Buffer.concat([Uint8Array.of(chosen), choose(chosen).make(rng)]);
      },
      run: (input: Uint8Array) => choose(input[0] ?? 0).run(input.subarray(1)),
    };
  });
}

function servicesOf(module: object): readonly DescService[] {
  return Object.values(module).filter(
    (each: unknown): each is DescService => (each as { kind?: unknown } | null)?.kind === 'service',
  );
}

export const WIRE_TARGETS: readonly FuzzTarget[] = [
  ...[adminPb, agentPb, catalogPb, enrolPb, identityPb, jobPb, schedulingPb]
    .flatMap(servicesOf)
    .flatMap(serviceTargets),
  messageTarget('agent session messages', agentPb.SessionRequestSchema, 30),
  messageTarget('controller session messages', agentPb.SessionResponseSchema, 20),
  messageTarget('job specs', jobPb.JobSpecSchema, 20),
  {
    name: 'error details of a server',
    weight: 4,
    make: (rng) => Uint8Array.from({ length: rng.integer(80) }, () => rng.integer(256)),
    run: fromErrorDetailBytes,
  },
];
