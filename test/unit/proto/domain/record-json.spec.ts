/**
 * Aim: the JSON form is stable, whole and safe to print. Method: golden keys, listed paths that exist, and a canary.
 */
import fc from 'fast-check';
import t from 'tap';
import * as recordJson from '../../../../proto/domain/record-json.ts';
import {
  GPU_LIST,
  HOST_LIST,
  JOB_LIST,
  MACHINE_TYPE_LIST,
  MEMBER_LIST,
  PROJECT_LIST,
  SECRET_LIST,
  TOKEN_LIST,
  USER_LIST,
} from '../../../../proto/domain/record-list.ts';
import { arbitraryGpuView, arbitraryHost, arbitraryJob } from '../../../kit/arbitraries.ts';
import {
  aGpuView,
  aHostView,
  aJob,
  aJobSpec,
  aMachineType,
  anAttempt,
  anExit,
  aProject,
  aSecret,
} from '../../../kit/builders.ts';

t.test('a job has these keys, and adding or renaming one is a decision', async (t) => {
  const json = recordJson.jobJson(aJob({ attempts: [anAttempt({ exit: anExit() })] }));
  t.strictSame(Object.keys(json), [
    'id',
    'name',
    'projectId',
    'state',
    'reason',
    'reasonMessage',
    'createdBy',
    'createdAt',
    'startedAt',
    'finishedAt',
    'exitCode',
    'queuePosition',
    'stopRequested',
    'notBefore',
    'held',
    'arrayId',
    'arrayIndex',
    'revision',
    'tags',
    'spec',
    'attempts',
  ]);
  t.match(json, {
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    exitCode: null,
    spec: { command: ['true'] },
    attempts: [{ startedAt: '2026-01-01T00:00:02.000Z', endedAt: null, exit: { code: 0, verdict: 'none' } }],
  });
});

t.test('an attempt has the name of its host beside the id, as far as it is known', async (t) => {
  const named = { ...anAttempt(), hostName: 'gpu-7' };
  t.match(recordJson.attemptJson(named), { hostId: named.hostId, hostName: 'gpu-7' });
  t.match(recordJson.attemptJson(anAttempt()), { hostName: null });
});

const ORDERED = {
  cordon: { reason: 'r', createdBy: 'user:ann', sinceMs: 1 },
  drain: { mode: 'wait', deadlineMs: 1, createdBy: 'user:ann', sinceMs: 1 },
  identity: { generation: 1, revoked: false, certificateSerial: '1', certificateExpiresAtMs: 1 },
};
const MADE = { createdBy: 'user:root', createdAtMs: 1 };
const USER = { id: 'usr_1', name: 'ann', role: 'user', state: 'active', revision: 1, ...MADE };
const TOKEN = { id: 'tok_1', name: 'laptop', userId: 'usr_1', userName: 'ann', ...MADE, digest: 'CANARY' };
const MEMBER = {
  projectId: 'prj_1',
  userId: 'usr_1',
  userName: 'ann',
  role: 'owner',
  addedBy: 'x',
  addedAtMs: 1,
};

t.test('a token has no digest in its JSON form', async (t) => {
  t.notOk(JSON.stringify(recordJson.tokenJson(TOKEN as never)).includes('CANARY'));
});

t.test('every path that lists know exists in the JSON form', async (t) => {
  const lists = [
    [JOB_LIST, aJob({ spec: aJobSpec({ env: { A: '1' } }) })],
    [PROJECT_LIST, aProject()],
    [SECRET_LIST, aSecret()],
    [MACHINE_TYPE_LIST, { ...aMachineType(), hostCount: 1 }],
    [HOST_LIST, { ...aHostView({ labels: { zone: 'a' } }), ...ORDERED }],
    [GPU_LIST, aGpuView()],
    [USER_LIST, USER],
    [TOKEN_LIST, TOKEN],
    [MEMBER_LIST, MEMBER],
  ] as const;
  for (const [list, record] of lists) {
    const json = list.jsonOf(record as never);
    for (const path of [...list.paths, list.defaultSort.replace('-', '')]) {
      let value: unknown = json;
      for (const key of path.replace(/\.\*$/, '').split('.')) value = (value as Record<string, unknown>)[key];
      t.not(value, undefined, path);
    }
  }
});

t.test('the JSON form survives JSON, and holds no password', async () => {
  const plain = (json: unknown) => JSON.stringify(JSON.parse(JSON.stringify(json))) === JSON.stringify(json);
  fc.assert(fc.property(arbitraryJob, (job) => plain(recordJson.jobJson(job))));
  fc.assert(fc.property(arbitraryHost, (host) => plain(recordJson.hostJson(host))));
  fc.assert(fc.property(arbitraryGpuView, (gpu) => plain(recordJson.gpuJson(gpu))));
});

t.test('a password never reaches it', async (t) => {
  const spec = { ...aJobSpec(), registry: { username: 'u', password: 'canary' } };
  t.notMatch(JSON.stringify(recordJson.jobJson(aJob({ spec }))), /canary/);
});

t.test('times out of range are unknown, not a crash', async (t) => {
  t.equal(recordJson.toIsoTime(0), null);
  t.equal(recordJson.toIsoTime(undefined), null);
  t.equal(recordJson.toIsoTime(Number.MAX_SAFE_INTEGER), null);
  t.equal(recordJson.toIsoTime(Number.NaN), null);
  t.equal(recordJson.toIsoTime(1), '1970-01-01T00:00:00.001Z');
});

t.test('unknown telemetry is null, never zero', async (t) => {
  t.match(recordJson.gpuTelemetryJson({ sampledAtMs: 1 }), { utilizationPercent: null, powerWatts: null });
  t.equal(recordJson.gpuTelemetryJson(undefined), null);
});
