/**
 * Aim: queues, quotas, policy versions, reservations, usage and what jobs say about waiting survive the wire, and what
 * no version knows is refused with its path. Method: arbitrary records through bytes and back.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import t from 'tap';
import type { ArrayId, JobId } from '../../../../proto/domain/ids.ts';
import { AFTER_CONDITIONS, QUOTA_KINDS } from '../../../../proto/domain/scheduling.ts';
import {
  checkPolicy,
  DEFAULT_POLICY,
  formatSetting,
  POLICY_KEYS,
  parseSetting,
} from '../../../../proto/domain/scheduling-policy.ts';
import { formatDay, parseDay } from '../../../../proto/domain/scheduling-views.ts';
import { JobSpecSchema } from '../../../../proto/gen/nabla/v1/job_pb.ts';
import {
  PolicyVersionSchema,
  QueueSchema,
  QuotaNodeSchema,
  ReservationSchema,
  UsageGrouping,
  UsageRowSchema,
} from '../../../../proto/gen/nabla/v1/scheduling_pb.ts';
import { fromWireJobSpec, toWireJobSpec } from '../../../../proto/wire/job-spec-wire.ts';
import * as schedulingWire from '../../../../proto/wire/scheduling-wire.ts';
import { aJobSpec } from '../../../kit/builders.ts';
import { caught } from '../../../kit/caught.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const amount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), text, { maxKeys: 4, noNullPrototype: true });

const queues = fc.record({
  name: text,
  description: text,
  priorityBand: fc.integer({ min: -100, max: 100 }),
  limits: fc.record({
    timeLimitMs: amount,
    gpuMilliPerJob: amount,
    runningPerUser: amount,
    jobsPerUser: amount,
  }),
  restricted: fc.boolean(),
  allowedProjects: fc.array(text, { maxLength: 4 }),
  hostSelector: labels,
  createdBy: text,
  createdAtMs: amount,
  revision: amount,
  waiting: amount,
  running: amount,
});
const quotas = fc.record(
  {
    name: text,
    kind: fc.constantFrom(...QUOTA_KINDS),
    parent: text,
    shares: fc.array(
      fc.record(
        { resource: text, guaranteed: amount, limit: amount },
        { requiredKeys: ['resource', 'guaranteed'] },
      ),
      { maxLength: 4 },
    ),
    weight: count,
    updatedBy: text,
    updatedAtMs: amount,
    revision: amount,
    projectName: text,
  },
  {
    requiredKeys: ['name', 'kind', 'parent', 'shares', 'weight', 'updatedBy', 'updatedAtMs', 'revision'],
  },
);
const reservations = fc.record({
  id: text,
  name: text,
  projectId: text,
  hostIds: fc.array(text, { maxLength: 4 }),
  gpuMilli: amount,
  gpuModel: text,
  startMs: amount,
  endMs: amount,
  createdBy: text,
  createdAtMs: amount,
});
const usage = fc.record(
  { projectId: text, projectName: text, user: text, queue: text, day: text, gpuMs: amount, attempts: amount },
  { requiredKeys: ['gpuMs', 'attempts'] },
);

t.test('records survive the wire', async () => {
  fc.assert(
    fc.property(queues, quotas, reservations, usage, (...made) => {
      const [queue, quota, reservation, row] = structuredClone(made);
      const viaQueue = fromBinary(
        QueueSchema,
        toBinary(QueueSchema, schedulingWire.toWireQueue(queue as never)),
      );
      deepStrictEqual(schedulingWire.fromWireQueue(viaQueue), queue);
      const wireQuota = schedulingWire.toWireQuota(quota as never);
      deepStrictEqual(
        schedulingWire.fromWireQuota(fromBinary(QuotaNodeSchema, toBinary(QuotaNodeSchema, wireQuota))),
        quota,
      );
      const wireReservation = schedulingWire.toWireReservation(reservation as never);
      const bytes = toBinary(ReservationSchema, wireReservation);
      deepStrictEqual(schedulingWire.fromWireReservation(fromBinary(ReservationSchema, bytes)), reservation);
      const viaUsage = fromBinary(
        UsageRowSchema,
        toBinary(UsageRowSchema, schedulingWire.toWireUsage(row as never)),
      );
      deepStrictEqual(schedulingWire.fromWireUsage(viaUsage), row);
    }),
    { numRuns: 200 },
  );
});

t.test('what a job says about waiting survives the wire', async (t) => {
  const spec = {
    ...aJobSpec({ queue: 'short' }),
    after: AFTER_CONDITIONS.map((when) => ({ on: 'job_1' as JobId, when })),
    array: { arrayId: 'arr_1' as ArrayId, index: 7, concurrency: 2 },
  };
  const back = fromWireJobSpec(fromBinary(JobSpecSchema, toBinary(JobSpecSchema, toWireJobSpec(spec))));
  t.strictSame(back, spec);
  t.notOk('queue' in fromWireJobSpec(toWireJobSpec(aJobSpec())), 'the default queue is told by absence');
});

t.test('every setting is read as it is written, and a bad one is refused with its path', async (t) => {
  for (const key of POLICY_KEYS) {
    t.same(
      parseSetting(key, formatSetting(DEFAULT_POLICY, key)),
      { ok: true, value: DEFAULT_POLICY[key] },
      key,
    );
  }
  t.same(checkPolicy(DEFAULT_POLICY), []);
  const version = { version: 3, policy: DEFAULT_POLICY, setBy: 'user:a' as never, setAtMs: 5, note: 'why' };
  const wire = schedulingWire.toWirePolicy(version);
  const back = schedulingWire.fromWirePolicy(
    fromBinary(PolicyVersionSchema, toBinary(PolicyVersionSchema, wire)),
  );
  t.strictSame(back, version);
  wire.settings['fromTheFuture'] = '1';
  t.strictSame(schedulingWire.fromWirePolicy(wire), version, 'settings of a newer peer are left out');
  wire.settings['backfill'] = 'always';
  t.match(
    caught(() => schedulingWire.fromWirePolicy(wire)),
    { fields: [{ path: 'policy.settings.backfill' }] },
  );
});

t.test('groupings are closed', async (t) => {
  t.same(schedulingWire.fromWireGroupings([], 'by'), ['project']);
  t.same(schedulingWire.fromWireGroupings([UsageGrouping.DAY, UsageGrouping.DAY], 'by'), ['day']);
  for (const bad of [0, 99]) {
    t.match(
      caught(() => schedulingWire.fromWireGroupings([bad as UsageGrouping], 'by')),
      { fields: [{ path: 'by[0]' }] },
    );
  }
});

t.test('days are real days', async (t) => {
  for (const day of ['1970-01-01', '2024-02-29', '2026-12-31']) t.equal(formatDay(parseDay(day)!), day);
  for (const bad of ['', '2026-02-30', '2026-13-01', '26-01-01', '2026-1-1', 'today', '2026-01-01T00:00']) {
    t.equal(parseDay(bad), undefined, bad);
  }
});
