/**
 * Aim: what runs on a right that is taken away ends within moments: watches, followed logs, events, exec and bytes
 * over HTTP, whether a membership, a token, a user or a role is taken, or a token expires; and no call outlives it
 * whose request is held back behind its headers. Method: real TLS, a scripted host, one stream of each kind open
 * while it happens.
 */
import { request } from 'node:https';
import { create, toBinary } from '@bufbuild/protobuf';
import t, { type Test } from 'tap';
import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import { ClusterRole, CreateUserRequestSchema, ProjectRole } from '../../proto/gen/nabla/v1/identity_pb.ts';
import { eventually } from '../kit/eventually.ts';
import { rawGrpc } from '../kit/raw-grpc.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';
import { identityClients, makeUser, type TestUser } from '../kit/users.ts';

/** Every stream must have ended by then. */
const END_MS = 5_000;
const SPEC = { command: { form: { case: 'shell' as const, value: 'sleep 9' } } };

interface Scene {
  readonly nabla: RunningController;
  readonly bob: TestUser;
  readonly job: string;
}

async function runningJob(t: Test, lifetimeMs = 0n): Promise<Scene> {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  await nabla.projects.createProject({ name: 'lab' });
  const bob = await makeUser(nabla, 'bob', { lifetimeMs });
  await identityClients(nabla).members.addMember({ project: 'lab', user: 'bob', role: ProjectRole.MEMBER });
  const { job } = await bob.jobs.createJob({ project: 'lab', spec: SPEC });
  const id = job?.id ?? '';
  await eventually(
    () =>
      agent.tasks.get(toTaskName({ jobId: id, attempt: 1, task: 0 } as TaskKey))?.observation.phase ===
      'running',
  );
  await eventually(
    async () => ((await nabla.jobs.getJob({ project: 'lab', job: id })).job?.startedAtMs ?? 0n) > 0n,
  );
  return { nabla, bob, job: id };
}

/** How each stream of bob's ended: its code, or `end` when it ended as if all were well. */
function openAll({ bob, job }: Scene): { readonly begun: () => boolean; readonly ends: Map<string, string> } {
  const begun = new Set<string>();
  const ends = new Map<string, string>();
  const open = (name: string, stream: AsyncIterable<unknown>): void => {
    void (async () => {
      try {
        for await (const _part of stream) begun.add(name);
        ends.set(name, 'end');
      } catch (error) {
        ends.set(name, isClusterError(error) ? error.code : String(error));
      }
    })();
  };
  open('watchJob', bob.jobs.watchJob({ project: 'lab', job }));
  open('watchEvents', bob.events.watchEvents({ project: 'lab', follow: true }));
  open('readLogs', bob.jobs.readLogs({ project: 'lab', job, follow: true }));
  open('exec', bob.jobs.exec(idleExec(job)));
  const silent = ['readLogs'];
  return { ends, begun: () => begun.size === 4 - silent.length };
}

/** A command that waits for input which never comes. */
async function* idleExec(job: string) {
  yield { message: { case: 'start' as const, value: { project: 'lab', job, argv: ['cat'] } } };
  await new Promise(() => undefined);
}

const STREAMS = ['exec', 'readLogs', 'watchEvents', 'watchJob'];

async function endsWith(t: Test, scene: Scene, code: string, take: () => Promise<unknown>): Promise<void> {
  const { begun, ends } = openAll(scene);
  await eventually(begun, { what: 'streams under way' });
  t.equal(ends.size, 0);
  await take();
  await eventually(() => ends.size === STREAMS.length, {
    what: 'the end of all streams',
    deadlineMs: END_MS,
  });
  for (const stream of STREAMS) t.equal(ends.get(stream), code, stream);
}

t.test('a membership that is taken away', async (t) => {
  const scene = await runningJob(t);
  const { members } = identityClients(scene.nabla);
  await endsWith(t, scene, 'PROJECT_NOT_FOUND', () => members.removeMember({ project: 'lab', user: 'bob' }));
});

t.test('a token that is revoked', async (t) => {
  const scene = await runningJob(t);
  const { tokens } = identityClients(scene.nabla);
  await endsWith(t, scene, 'TOKEN_REFUSED', () => tokens.revokeToken({ token: scene.bob.tokenId }));
  await t.rejects(scene.bob.projects.listProjects({}), { code: 'TOKEN_REFUSED' });
});

t.test('a user that is revoked', async (t) => {
  const scene = await runningJob(t);
  const { users } = identityClients(scene.nabla);
  await endsWith(t, scene, 'TOKEN_REFUSED', () => users.revokeUser({ user: 'bob' }));
});

t.test('a token that expires', async (t) => {
  const scene = await runningJob(t, 4_000n);
  await endsWith(t, scene, 'TOKEN_EXPIRED', async () => undefined);
  await t.rejects(scene.bob.projects.listProjects({}), { code: 'TOKEN_EXPIRED' });
});

t.test('a role that becomes less: what it still allows goes on', async (t) => {
  const scene = await runningJob(t);
  const { members } = identityClients(scene.nabla);
  const { begun, ends } = openAll(scene);
  await eventually(begun);
  await members.addMember({ project: 'lab', user: 'bob', role: ProjectRole.VIEWER });
  await eventually(() => ends.get('exec') === 'METHOD_FORBIDDEN', { deadlineMs: END_MS });
  t.same([...ends.keys()], ['exec'], 'viewers go on watching');
  await members.addMember({ project: 'lab', user: 'bob', role: ProjectRole.OWNER });
  const { project } = await scene.bob.projects.updateProject({ project: 'lab', name: 'lab-two' });
  t.equal(project?.name, 'lab-two');
  t.same([...ends.keys()], ['exec'], 'nor does another name of the project end a watch');
});

t.test('bytes over HTTP stop in the middle', async (t) => {
  const scene = await runningJob(t);
  const { httpAddress, caPem } = scene.nabla.controller;
  const [host, port] = httpAddress.split(':');
  const ended = new Promise<string>((resolve) => {
    const upload = request({
      host,
      port,
      ca: caPem,
      method: 'PATCH',
      path: `/v1/projects/lab/workspaces/${'a'.repeat(64)}`,
      headers: {
        authorization: `Bearer ${scene.bob.token}`,
        'upload-offset': '0',
        'upload-length': '1000000',
        'content-length': '1000000',
        expect: '100-continue',
      },
      agent: false,
    });
    upload.on('continue', () => {
      upload.write(Buffer.alloc(1_000));
      void identityClients(scene.nabla).members.removeMember({ project: 'lab', user: 'bob' });
    });
    upload.on('response', ({ statusCode }) => resolve(`answered ${statusCode}`));
    upload.on('error', () => resolve('cut'));
    upload.flushHeaders();
  });
  t.equal(await ended, 'cut');
});

/** A call of a user of this role whose message comes only after `take`. Returns what came back. */
async function heldBack(
  nabla: RunningController,
  call: { readonly path: string; readonly message: Uint8Array },
  take: (user: TestUser) => Promise<unknown>,
): Promise<string> {
  const eve = await makeUser(nabla, 'eve', { role: ClusterRole.ADMIN });
  const { grpcAddress: address, caPem } = nabla.controller;
  return rawGrpc({ address, caPem, token: eve.token, ...call, meanwhile: () => take(eve) });
}

t.test('a request held back until its right is gone changes nothing', async (t) => {
  const message = toBinary(
    CreateUserRequestSchema,
    create(CreateUserRequestSchema, { name: 'accomplice', role: ClusterRole.ADMIN }),
  );
  const call = { path: '/nabla.v1.UserService/CreateUser', message };
  // Statuses of gRPC: unauthenticated, then forbidden.
  const ends: readonly (readonly [string, (nabla: RunningController) => Promise<unknown>])[] = [
    ['16', (nabla) => identityClients(nabla).users.revokeUser({ user: 'eve' })],
    ['7', (nabla) => identityClients(nabla).users.updateUser({ user: 'eve', role: ClusterRole.USER })],
  ];
  for (const [status, take] of ends) {
    const nabla = await runController(t);
    // Another administrator, so that eve is not the last.
    await makeUser(nabla, 'ann', { role: ClusterRole.ADMIN });
    t.match(JSON.parse(await heldBack(nabla, call, () => take(nabla))), { 'grpc-status': status });
    const { users } = await identityClients(nabla).users.listUsers({});
    t.same(users.map(({ name }) => name).sort(), ['ann', 'eve']);
  }
});
