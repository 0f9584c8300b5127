/**
 * Aim: a handler gets the project that the caller means and sees, by its id, whatever was written; streams of
 * requests lose nothing at the door. Method: handlers that tell what got to them, before the world of people.
 */
import t from 'tap';
import { guardService } from '../../../../../controller/rpc/auth/guard-service.ts';
import { MemberService } from '../../../../../proto/gen/nabla/v1/identity_pb.ts';
import { JobService } from '../../../../../proto/gen/nabla/v1/job_pb.ts';
import type { CallContext } from '../../../../../proto/rpc/call-context.ts';
import type { ServiceDescriptor } from '../../../../../proto/rpc/method-types.ts';
import { caught, caughtAsync } from '../../../../kit/caught.ts';
import { type Actor, LAB, People } from '../../../../kit/people.ts';

type Handler = (request: unknown, context: CallContext) => unknown;

function serve(people: People, service: ServiceDescriptor, key: string, handler: unknown) {
  const guarded = guardService(people.door, service, { [key]: handler, ...others(service, key) } as never);
  return (guarded as unknown as Record<string, Handler>)[key] as Handler;
}

function others(service: ServiceDescriptor, key: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(service.method)
      .filter((name) => name !== key)
      .map((name) => [name, () => undefined]),
  );
}

function contextOf(people: People, actor: Actor, method: string): CallContext {
  const caller = people.door.admit(method, people.credentials(actor));
  const { signal } = new AbortController();
  return { method, caller, signal, peer: 'p', token: 't', deadlineMs: 7, header: (name) => name };
}

t.test('what was written becomes the id of what is meant', async (t) => {
  const people = new People();
  const context = contextOf(people, 'viewer', '/nabla.v1.JobService/GetJob');
  const get = serve(people, JobService, 'getJob', async (request: unknown) => request);
  for (const project of [LAB, 'prj_lab', 'prj_', 'la']) {
    t.same(await get({ project, job: 'j' }, context), { project: 'prj_lab', job: 'j' }, project);
  }
  const list = serve(people, JobService, 'listJobs', async (request: unknown) => request);
  t.same(await list({ project: '' }, { ...context, method: '/nabla.v1.JobService/ListJobs' }), {
    project: '',
  });
});

t.test('nothing gets to a handler that is not permitted', async (t) => {
  const people = new People();
  const reached: number[] = [];
  const add = serve(people, MemberService, 'addMember', async () => reached.push(1));
  const context = contextOf(people, 'member', '/nabla.v1.MemberService/AddMember');
  t.match(await caughtAsync(async () => add({ project: LAB }, context)), { code: 'METHOD_FORBIDDEN' });
  t.match(await caughtAsync(async () => add({ project: 'other' }, context)), { code: 'PROJECT_NOT_FOUND' });
  const long = 'x'.repeat(257);
  t.match(await caughtAsync(async () => add({ project: long }, context)), { code: 'REQUEST_INVALID' });
  t.same(reached, []);
});

t.test('a stream of requests goes on after its first, and the call keeps its facts', async (t) => {
  const people = new People();
  const exec = serve(
    people,
    JobService,
    'exec',
    async function* (requests: AsyncIterable<unknown>, call: CallContext) {
      yield [call.peer, call.token, call.deadlineMs, call.header('h'), call.method, call.signal.aborted];
      for await (const request of requests) yield request;
    },
  );
  const context = contextOf(people, 'member', '/nabla.v1.JobService/Exec');
  async function* requests() {
    yield { message: { case: 'start', value: { project: LAB } } };
    yield { message: { case: 'stdin', value: 1 } };
  }
  const answers: unknown[] = [];
  for await (const answer of exec(requests(), context) as AsyncIterable<unknown>) answers.push(answer);
  t.same(answers, [
    ['p', 't', 7, 'h', '/nabla.v1.JobService/Exec', false],
    { message: { case: 'start', value: { project: 'prj_lab' } } },
    { message: { case: 'stdin', value: 1 } },
  ]);
});

t.test('a kind of stream that is not guarded cannot be served to users', async (t) => {
  const method = { name: 'CreateJob', methodKind: 'client_streaming' };
  const service = { typeName: 'nabla.v1.JobService', method: { createJob: method } } as never;
  const error = caught(() =>
    guardService(new People().door, service, { createJob: () => undefined } as never),
  );
  t.match(error, { kind: 'bug', code: 'METHOD_UNGUARDED' });
});
