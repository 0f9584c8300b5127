/**
 * Aim: nothing is lost or invented between domain, message and bytes. Method: arbitrary records go to the wire, are
 * encoded, decoded and read back, and must be what they were.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import t from 'tap';
import {
  type AgentMessage,
  type ControllerMessage,
  desiredHashLines,
} from '../../../../proto/domain/session.ts';
import * as agentPb from '../../../../proto/gen/nabla/v1/agent_pb.ts';
import * as catalogPb from '../../../../proto/gen/nabla/v1/catalog_pb.ts';
import * as jobPb from '../../../../proto/gen/nabla/v1/job_pb.ts';
import {
  canonicalTaskSpecBytes,
  fromWireDesiredTask,
  fromWireInventory,
  fromWireTaskObservation,
  fromWireTaskSpec,
  fromWireTelemetryReport,
  toWireDesiredTask,
  toWireInventory,
  toWireTaskObservation,
  toWireTaskSpec,
  toWireTelemetryReport,
} from '../../../../proto/wire/agent-wire.ts';
import {
  fromWireEventRecord,
  fromWireGpuView,
  fromWireHost,
  fromWireMachineType,
  fromWireProject,
  fromWireSecret,
  toWireEventRecord,
  toWireGpuView,
  toWireHost,
  toWireMachineType,
  toWireProject,
  toWireSecret,
} from '../../../../proto/wire/catalog-wire.ts';
import { fromWireJobSpec, redactJobSpec, toWireJobSpec } from '../../../../proto/wire/job-spec-wire.ts';
import { fromWireJob, toWireJob } from '../../../../proto/wire/job-wire.ts';
import {
  fromWireAgentMessage,
  fromWireControllerMessage,
  toWireAgentMessage,
  toWireControllerMessage,
} from '../../../../proto/wire/session-wire.ts';
import {
  arbitraryDesiredTask,
  arbitraryGpuView,
  arbitraryHost,
  arbitraryInventory,
  arbitraryJob,
  arbitraryJobSpec,
  arbitraryObservation,
  arbitraryTaskSpec,
} from '../../../kit/arbitraries.ts';
import {
  aJob,
  aMachineType,
  anEvent,
  aProject,
  aSecret,
  aTaskSpec,
  secretId,
} from '../../../kit/builders.ts';

const RUNS = 60;

function throughBytes<D extends DescMessage>(schema: D, message: MessageShape<D>): MessageShape<D> {
  return fromBinary(schema, toBinary(schema, message));
}

interface Trip {
  readonly name: string;
  readonly arbitrary: fc.Arbitrary<unknown>;
  readonly trip: (value: never) => unknown;
  /** What is expected back; default the value itself. */
  readonly expected?: (value: never) => unknown;
}

const redactTask = (spec: { readonly job: jobPb.JobSpec }) => ({
  ...spec,
  job: redactJobSpec(spec.job as never),
});

const TRIPS: readonly Trip[] = [
  {
    name: 'a job spec, passwords included',
    arbitrary: arbitraryJobSpec,
    trip: (spec) => fromWireJobSpec(throughBytes(jobPb.JobSpecSchema, toWireJobSpec(spec))),
  },
  {
    name: 'a job, without its passwords',
    arbitrary: arbitraryJob,
    trip: (job) => fromWireJob(throughBytes(jobPb.JobSchema, toWireJob(job))),
    expected: (job: { spec: never }) => ({ ...job, spec: redactJobSpec(job.spec) }),
  },
  {
    name: 'a GPU',
    arbitrary: arbitraryGpuView,
    trip: (gpu) => fromWireGpuView(throughBytes(catalogPb.GpuSchema, toWireGpuView(gpu))),
  },
  {
    name: 'a host',
    arbitrary: arbitraryHost,
    trip: (host) => fromWireHost(throughBytes(catalogPb.HostSchema, toWireHost(host))),
  },
  {
    name: 'an inventory',
    arbitrary: arbitraryInventory,
    trip: (inventory) => fromWireInventory(throughBytes(agentPb.InventorySchema, toWireInventory(inventory))),
  },
  {
    name: 'a task spec, without its passwords',
    arbitrary: arbitraryTaskSpec,
    trip: (spec) => fromWireTaskSpec(throughBytes(agentPb.TaskSpecSchema, toWireTaskSpec(spec))),
    expected: redactTask,
  },
  {
    name: 'a desired task with its secret values',
    arbitrary: arbitraryDesiredTask,
    trip: (task) => fromWireDesiredTask(throughBytes(agentPb.DesiredTaskSchema, toWireDesiredTask(task))),
    expected: (task: { spec: never }) => ({ ...(task as object), spec: redactTask(task.spec) }),
  },
  {
    name: 'an observation',
    arbitrary: arbitraryObservation,
    trip: (task) =>
      fromWireTaskObservation(throughBytes(agentPb.TaskObservationSchema, toWireTaskObservation(task))),
  },
];

for (const { name, arbitrary, trip, expected } of TRIPS) {
  t.test(`${name} survives the wire`, async () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const wanted = expected === undefined ? value : expected(value as never);
        // Cloned, because arbitrary records may have no prototype.
        deepStrictEqual(structuredClone(trip(value as never)), structuredClone(wanted));
      }),
      { numRuns: RUNS },
    );
  });
}

t.test('catalog records survive the wire', async (t) => {
  const project = aProject({ tags: ['a'], description: 'x' });
  t.strictSame(fromWireProject(throughBytes(catalogPb.ProjectSchema, toWireProject(project))), project);
  const secret = aSecret();
  t.strictSame(fromWireSecret(throughBytes(catalogPb.SecretSchema, toWireSecret(secret))), secret);
  const { projectId: _dropped, ...clusterWide } = secret;
  t.strictSame(fromWireSecret(toWireSecret(clusterWide)), clusterWide);
  const machineType = { ...aMachineType({ aliases: ['old'] }), hostCount: 3 };
  t.strictSame(fromWireMachineType(toWireMachineType(machineType)), machineType);
  const event = anEvent({ fields: { b: '1', a: '2' } });
  t.strictSame(fromWireEventRecord(toWireEventRecord(event)), event);
});

t.test('a telemetry report survives the wire, unknown figures staying unknown', async (t) => {
  const report = {
    hostId: 'host_1' as never,
    host: { load1: 0.5, sampledAtMs: 7 },
    gpus: [{ uuid: 'GPU-1' as never, telemetry: { utilizationPercent: 0, sampledAtMs: 7 } }],
    tasks: [{ key: { jobId: 'job_1' as never, attempt: 1, task: 0 }, memoryBytes: 12 }],
  };
  const wire = throughBytes(agentPb.ReportTelemetryRequestSchema, toWireTelemetryReport(report));
  t.strictSame(fromWireTelemetryReport(wire), report);
});

const key = { jobId: 'job_1' as never, attempt: 1, task: 0 };

t.test('every agent message survives the wire', async (t) => {
  const [inventory] = structuredClone(fc.sample(arbitraryInventory, 1));
  const [task] = structuredClone(fc.sample(arbitraryObservation, 1));
  const messages: readonly AgentMessage[] = [
    {
      kind: 'hello',
      hostId: 'host_1' as never,
      hostName: 'h',
      bootId: 'b',
      sessionId: 's',
      agentVersion: '1',
      maxEpoch: 1,
      maxSeenSeq: 2,
      appliedRevision: 3,
      inventory: inventory as never,
      tasks: [task as never],
      stateId: 'x',
      clusterId: 'cluster_1',
    },
    { kind: 'observed', reportSeq: 1, revisionApplied: 2, complete: true, tasks: [task as never] },
    { kind: 'heartbeat', nonce: 9 },
    { kind: 'resync-request', appliedRevision: 4 },
    { kind: 'fenced', maxEpoch: 5 },
    { kind: 'inventory', inventory: inventory as never },
    { kind: 'data-connection-failed', connectionId: 'c', message: 'no' },
  ];
  for (const message of messages) {
    const wire = throughBytes(agentPb.SessionRequestSchema, toWireAgentMessage(message));
    t.strictSame(fromWireAgentMessage(wire), message, message.kind);
  }
});

t.test('every controller message survives the wire with its epoch', async (t) => {
  const messages: readonly ControllerMessage[] = [
    { kind: 'welcome', clusterId: 'c', heartbeatMs: 1, selfFenceMs: 2, httpPort: 3 },
    {
      kind: 'desired',
      baseRevision: 1,
      revision: 2,
      complete: true,
      count: 1,
      hash: 'h',
      tasks: [{ key, generation: 1, phase: 'stop', specHash: 'x', graceMs: 1, secretValues: new Map() }],
    },
    { kind: 'ack', reportSeq: 1, committedSeq: 2 },
    { kind: 'heartbeat-ack', nonce: 1 },
    { kind: 'open-data-connection', connectionId: 'c', ticket: 't' },
  ];
  for (const message of messages) {
    const wire = throughBytes(agentPb.SessionResponseSchema, toWireControllerMessage({ epoch: 7, message }));
    t.strictSame(fromWireControllerMessage(wire), { epoch: 7, message }, message.kind);
  }
});

t.test('equal task specs have equal canonical bytes, whatever the order of their maps', async (t) => {
  const one = aTaskSpec();
  const forward = {
    ...one,
    job: { ...one.job, env: { A: '1', B: '2', '7': 'x' }, constraints: { x: '1', y: '2' } },
  };
  const backward = {
    ...one,
    job: { ...one.job, env: { '7': 'x', B: '2', A: '1' }, constraints: { y: '2', x: '1' } },
  };
  t.strictSame(canonicalTaskSpecBytes(forward), canonicalTaskSpecBytes(backward));
  const other = { ...forward, rank: 1 };
  t.notSame(canonicalTaskSpecBytes(forward), canonicalTaskSpecBytes(other));
});

t.test('no reply and no canonical bytes hold a password', async (t) => {
  const canary = 'canary-password';
  const spec = {
    ...aJob().spec,
    image: 'x',
    registry: { username: 'u', password: canary, secretId: secretId('1') },
    workspace: {
      kind: 'git' as const,
      url: 'https://example.com/r',
      ref: '',
      credentials: { username: 'u', password: canary },
    },
  };
  const job = aJob({ spec });
  const holds = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes(canary);
  t.notOk(holds(toBinary(jobPb.JobSchema, toWireJob(job))), 'a reply');
  t.notOk(holds(canonicalTaskSpecBytes(aTaskSpec({ job: spec }))), 'a task spec');
  t.ok(holds(toBinary(jobPb.JobSpecSchema, toWireJobSpec(spec))), 'the request itself does');
  t.equal(fromWireJob(toWireJob(job)).spec.registry?.secretId, 'sec_1', 'the secret id stays');
});

t.test('the desired hash is of lines sorted by task name', async (t) => {
  const line = (jobId: string, task: number) => ({
    key: { jobId: jobId as never, attempt: 1, task },
    generation: 2,
    phase: 'run' as const,
    specHash: 'f',
  });
  const sorted = 'job_a.1.0 2 run f\njob_a.1.1 2 run f\njob_b.1.0 2 run f\n';
  t.equal(desiredHashLines([line('job_b', 0), line('job_a', 1), line('job_a', 0)]), sorted);
  t.equal(desiredHashLines([]), '');
});
