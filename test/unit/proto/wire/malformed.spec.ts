/**
 * Aim: what a hostile or newer peer sends becomes an error with the field's path, never a wrong value. Method: a
 * table of messages with one wrong field each.
 */
import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import t from 'tap';
import { type ClusterError, isClusterError } from '../../../../proto/errors/cluster-error.ts';
import * as agentPb from '../../../../proto/gen/nabla/v1/agent_pb.ts';
import * as catalogPb from '../../../../proto/gen/nabla/v1/catalog_pb.ts';
import * as jobPb from '../../../../proto/gen/nabla/v1/job_pb.ts';
import {
  fromWireDesiredTask,
  fromWireInventory,
  fromWireTaskKey,
} from '../../../../proto/wire/agent-wire.ts';
import { fromWireGpu, fromWireListOptions, fromWireProject } from '../../../../proto/wire/catalog-wire.ts';
import { fromWireJobSpec, toWireJobSpec } from '../../../../proto/wire/job-spec-wire.ts';
import { fromWireJob } from '../../../../proto/wire/job-wire.ts';
import { toInt64 } from '../../../../proto/wire/scalar-wire.ts';
import { fromWireAgentMessage } from '../../../../proto/wire/session-wire.ts';
import { aJobSpec } from '../../../kit/builders.ts';

const key = { jobId: 'job_1', attempt: 1, task: 0 };
const UNSAFE = 2n ** 53n;

const CASES: readonly { readonly name: string; readonly path: string; readonly read: () => unknown }[] = [
  {
    name: 'an int64 beyond what a number holds',
    path: 'spec.timeLimitMs',
    read: () => fromWireJobSpec(create(jobPb.JobSpecSchema, { timeLimitMs: UNSAFE })),
  },
  {
    name: 'a negative int64',
    path: 'spec.resources.memoryBytes',
    read: () => fromWireJobSpec(create(jobPb.JobSpecSchema, { resources: { memoryBytes: -1n } })),
  },
  {
    name: 'a negative count',
    path: 'spec.retries',
    read: () => fromWireJobSpec(create(jobPb.JobSpecSchema, { retries: -1 })),
  },
  {
    name: 'a negative port in a list',
    path: 'spec.ports[1].containerPort',
    read: () => fromWireJobSpec(create(jobPb.JobSpecSchema, { ports: [{}, { containerPort: -1 }] })),
  },
  {
    name: 'a workspace without a source',
    path: 'spec.workspace',
    read: () => fromWireJobSpec(create(jobPb.JobSpecSchema, { workspace: {} })),
  },
  {
    name: 'too many entries of a map',
    path: 'spec.env',
    read: () => {
      const env = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`K${index}`, '']));
      return fromWireJobSpec(create(jobPb.JobSpecSchema, { env }));
    },
  },
  {
    name: 'a job without a spec',
    path: 'job.spec',
    read: () => fromWireJob(create(jobPb.JobSchema, { state: jobPb.JobState.QUEUED })),
  },
  {
    name: 'a job without a state',
    path: 'job.state',
    read: () => fromWireJob(create(jobPb.JobSchema, { spec: {} })),
  },
  {
    name: 'a state of a newer server',
    path: 'job.state',
    read: () => fromWireJob(create(jobPb.JobSchema, { spec: {}, state: 99 as never })),
  },
  {
    name: 'a verdict of a newer server',
    path: 'job.attempts[0].exit.verdict',
    read: () =>
      fromWireJob(
        create(jobPb.JobSchema, {
          spec: {},
          state: jobPb.JobState.FAILED,
          attempts: [{ phase: jobPb.AttemptPhase.ENDED, exit: { verdict: 99 as never } }],
        }),
      ),
  },
  {
    name: 'an accelerator without a kind',
    path: 'gpu.kind',
    read: () => fromWireGpu(create(catalogPb.GpuSchema, {})),
  },
  {
    name: 'a project made before time',
    path: 'project.createdAtMs',
    read: () => fromWireProject(create(catalogPb.ProjectSchema, { createdAtMs: -5n })),
  },
  {
    name: 'negative list limit',
    path: 'options.limit',
    read: () => fromWireListOptions({ limit: -1, pageToken: '', filters: [], sort: '' } as never),
  },
  { name: 'an absent task key', path: 'task.key', read: () => fromWireTaskKey(undefined, 'task.key') },
  {
    name: 'a task key that is a path',
    path: 'k',
    read: () => fromWireTaskKey(create(agentPb.TaskKeySchema, { ...key, jobId: '../../etc' }), 'k'),
  },
  {
    name: 'attempt 0',
    path: 'k',
    read: () => fromWireTaskKey(create(agentPb.TaskKeySchema, { ...key, attempt: 0 }), 'k'),
  },
  {
    name: 'an order to run without a spec',
    path: 'task.spec',
    read: () =>
      fromWireDesiredTask(create(agentPb.DesiredTaskSchema, { key, phase: agentPb.DesiredPhase.RUN })),
  },
  {
    name: 'an inventory without capacity',
    path: 'inventory.capacity',
    read: () => fromWireInventory(create(agentPb.InventorySchema, {})),
  },
  {
    name: 'an empty message',
    path: 'message',
    read: () => fromWireAgentMessage(create(agentPb.SessionRequestSchema, {})),
  },
];

function caught(read: () => unknown): ClusterError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return isClusterError(error) ? error : undefined;
  }
}

for (const { name, path, read } of CASES) {
  t.test(`${name} is invalid with its path`, async (t) => {
    const error = caught(read);
    t.equal(error?.kind, 'invalid');
    t.equal(error?.code, 'WIRE_FIELD_INVALID');
    t.equal(error?.fields[0]?.path, path);
  });
}

t.test('our own data that cannot go on the wire is a bug, not a wrong number', async (t) => {
  for (const value of [-1, 1.5, Number.NaN, 2 ** 53]) {
    t.throws(() => toInt64(value), { kind: 'bug', code: 'WIRE_INT64_RANGE' });
  }
  t.equal(toInt64(Number.MAX_SAFE_INTEGER), 9007199254740991n);
});

t.test('an absent priority is the default one and 0 stays 0', async (t) => {
  t.equal(fromWireJobSpec(create(jobPb.JobSpecSchema, {})).priority, 500);
  t.equal(fromWireJobSpec(create(jobPb.JobSpecSchema, { priority: 0 })).priority, 0);
});

t.test('a map key named like a prototype stays a key', async (t) => {
  const env = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
  const back = fromWireJobSpec(toWireJobSpec(aJobSpec({ env: {} }))).env;
  t.strictSame(Object.keys(back), []);
  const wire = toWireJobSpec({ ...aJobSpec(), env });
  t.strictSame(Object.keys(fromWireJobSpec(wire).env).sort(), ['__proto__', 'constructor']);
  t.equal(({} as Record<string, unknown>)['x'], undefined);
});

t.test('random bytes decode to a value or an error with a kind, never to anything else', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let message: agentPb.SessionRequest;
      try {
        message = fromBinary(agentPb.SessionRequestSchema, bytes);
      } catch {
        return; // Not protobuf at all: the codec's own error, seen by the rpc tests.
      }
      try {
        fromWireAgentMessage(message);
      } catch (error) {
        t.ok(isClusterError(error) && error.kind === 'invalid');
      }
    }),
    { numRuns: 300 },
  );
});
