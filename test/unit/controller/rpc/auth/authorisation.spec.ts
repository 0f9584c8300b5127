/**
 * Aim: the whole matrix of who may call what. Every actor makes every call of every service and every HTTP route
 * through the real door, about a project of which some are members, and gets what EXPECTED says, which was written
 * from the guide for users and not from the table of the code. Method: calls are enumerated from the descriptors and
 * the routes, so that a new one without a line here fails.
 */
import t from 'tap';
import { createAgentRoutes } from '../../../../../controller/http/agent-routes.ts';
import { createClientRoutes } from '../../../../../controller/http/client-routes.ts';
import { AUTHORISATION, authorise } from '../../../../../controller/rpc/auth/authorisation.ts';
import { guardService } from '../../../../../controller/rpc/auth/guard-service.ts';
import { NABLA_SERVICES } from '../../../../../controller/rpc/rpc-server.ts';
import { isClusterError } from '../../../../../proto/errors/cluster-error.ts';
import { file_nabla_v1_admin } from '../../../../../proto/gen/nabla/v1/admin_pb.ts';
import { file_nabla_v1_agent } from '../../../../../proto/gen/nabla/v1/agent_pb.ts';
import { file_nabla_v1_catalog } from '../../../../../proto/gen/nabla/v1/catalog_pb.ts';
import { file_nabla_v1_enrol } from '../../../../../proto/gen/nabla/v1/enrol_pb.ts';
import { file_nabla_v1_explain } from '../../../../../proto/gen/nabla/v1/explain_pb.ts';
import { file_nabla_v1_identity } from '../../../../../proto/gen/nabla/v1/identity_pb.ts';
import { file_nabla_v1_job } from '../../../../../proto/gen/nabla/v1/job_pb.ts';
import { file_nabla_v1_scheduling } from '../../../../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { CallContext, Caller } from '../../../../../proto/rpc/call-context.ts';
import type { ServiceDescriptor, ServiceHandlers } from '../../../../../proto/rpc/method-types.ts';
import { ACTORS, type Actor, LAB, People } from '../../../../kit/people.ts';

const ADMINS: readonly Actor[] = ['administrator', 'root'];
const OPERATORS: readonly Actor[] = ['operator', ...ADMINS];
const EVERY_USER: readonly Actor[] = ['plain', 'viewer', 'member', 'owner', 'outsider', ...OPERATORS];

interface Expected {
  readonly pass: readonly Actor[];
  /** What it is about, and so what those hear who may not. */
  readonly about: 'cluster' | 'lab' | 'host' | 'anything';
  /** With no project named: a refusal of all, or who passes then. */
  readonly unnamed?: 'REQUEST_INVALID' | 'default' | readonly Actor[];
}

const everyUser: Expected = { about: 'cluster', pass: EVERY_USER };
const operators: Expected = { about: 'cluster', pass: OPERATORS };
const admins: Expected = { about: 'cluster', pass: ADMINS };
const MACHINES: readonly Actor[] = ['agent', 'renewing', 'joining'];
const hosts: Expected = { about: 'host', pass: ['agent'] };
type Unnamed = Exclude<Expected['unnamed'], undefined>;
const readLab = (unnamed: Unnamed): Expected => ({
  about: 'lab',
  pass: ['viewer', 'member', 'owner', ...OPERATORS],
  unnamed,
});
const workInLab = (unnamed: Unnamed): Expected => ({
  about: 'lab',
  pass: ['member', 'owner', ...ADMINS],
  unnamed,
});
const ownLab: Expected = { about: 'lab', pass: ['owner', ...ADMINS], unnamed: 'REQUEST_INVALID' };

const EXPECTED: Readonly<Record<string, Expected>> = {
  'IdentityService/WhoAmI': everyUser,
  'UserService/CreateUser': admins,
  'UserService/GetUser': admins,
  'UserService/ListUsers': admins,
  'UserService/UpdateUser': admins,
  'UserService/RevokeUser': admins,
  'TokenService/CreateToken': everyUser,
  'TokenService/GetToken': everyUser,
  'TokenService/ListTokens': everyUser,
  'TokenService/RevokeToken': everyUser,
  'MemberService/AddMember': ownLab,
  // Everybody may leave; the handler asks for an owner where another is meant.
  'MemberService/RemoveMember': readLab('REQUEST_INVALID'),
  'MemberService/ListMembers': readLab('REQUEST_INVALID'),
  'ProjectService/CreateProject': everyUser,
  'ProjectService/GetProject': readLab('REQUEST_INVALID'),
  'ProjectService/ListProjects': everyUser,
  'ProjectService/UpdateProject': ownLab,
  'ProjectService/DeleteProject': ownLab,
  'SecretService/SetSecret': workInLab(OPERATORS),
  'SecretService/ListSecrets': readLab(OPERATORS),
  'SecretService/DeleteSecret': workInLab(OPERATORS),
  'MachineTypeService/CreateMachineType': operators,
  'MachineTypeService/GetMachineType': everyUser,
  'MachineTypeService/ListMachineTypes': everyUser,
  'MachineTypeService/DeleteMachineType': operators,
  'MachineTypeService/AliasMachineType': operators,
  'HostService/GetHost': everyUser,
  'HostService/ListHosts': everyUser,
  'HostService/GetGpu': everyUser,
  'HostService/ListGpus': everyUser,
  'HostService/ConfirmStop': operators,
  'HostService/DeclareLost': operators,
  'EventService/WatchEvents': readLab(EVERY_USER),
  'JobService/CreateJob': workInLab('default'),
  'JobService/GetJob': readLab('default'),
  'JobService/ListJobs': readLab(EVERY_USER),
  'JobService/StopJob': workInLab('default'),
  'JobService/DeleteJob': workInLab('default'),
  'JobService/RetryJob': workInLab('default'),
  'JobService/UpdateJobTags': workInLab('default'),
  'JobService/UpdateJob': workInLab('default'),
  'JobService/HoldJob': workInLab('default'),
  'JobService/ReleaseJob': workInLab('default'),
  'JobService/WatchJob': readLab('default'),
  'JobService/ReadLogs': readLab('default'),
  'JobService/Exec': workInLab('default'),
  'JobService/ListArtifacts': readLab('default'),
  'JobService/DestroyArtifacts': workInLab('default'),
  'AdminService/Status': operators,
  'AdminService/Backup': admins,
  'AdminService/Fsck': admins,
  'EnrolService/CreateJoinToken': operators,
  'EnrolService/Join': { about: 'host', pass: ['joining'] },
  'EnrolService/RenewCertificate': { about: 'host', pass: ['agent', 'renewing'] },
  'HostControlService/CordonHost': operators,
  'HostControlService/UncordonHost': operators,
  'HostControlService/DrainHost': operators,
  'HostControlService/RevokeHost': operators,
  'HostControlService/RemoveHost': operators,
  'QueueService/CreateQueue': operators,
  'QueueService/UpdateQueue': operators,
  'QueueService/DeleteQueue': operators,
  'QueueService/GetQueue': everyUser,
  'QueueService/ListQueues': everyUser,
  'QuotaService/SetQuota': operators,
  'QuotaService/DeleteQuota': operators,
  'QuotaService/GetQuota': everyUser,
  'QuotaService/ListQuotas': everyUser,
  'PolicyService/GetPolicy': everyUser,
  'PolicyService/SetPolicy': operators,
  'PolicyService/ListPolicies': everyUser,
  'ReservationService/CreateReservation': operators,
  'ReservationService/ListReservations': readLab(EVERY_USER),
  'ReservationService/DeleteReservation': operators,
  'UsageService/GetUsage': readLab(EVERY_USER),
  'ExplainService/ExplainJob': readLab('default'),
  // Projects that the caller does not see are one sum.
  'ExplainService/GetClusterLoad': everyUser,
  'AgentService/Session': hosts,
  'AgentService/ReportTelemetry': hosts,
  'GET /v1/health': { about: 'anything', pass: ACTORS },
  'HEAD /v1/projects/{project}/workspaces/{sha256}': workInLab('REQUEST_INVALID'),
  'PATCH /v1/projects/{project}/workspaces/{sha256}': workInLab('REQUEST_INVALID'),
  'GET /v1/projects/{project}/jobs/{job}/artifacts': readLab('REQUEST_INVALID'),
  'HEAD /v1/projects/{project}/jobs/{job}/artifacts': readLab('REQUEST_INVALID'),
  'GET /v1/agent/workspaces/{projectId}/{sha256}': hosts,
  'PUT /v1/agent/tasks/{task}/artifacts': hosts,
  'PUT /v1/agent/tasks/{task}/log': hosts,
};

const PASSED = 'passed';
const SEES_LAB: readonly Actor[] = ['viewer', 'member', 'owner', ...OPERATORS];

/** What the actor hears. `project` undefined: the request names none. */
function expectedFor(actor: Actor, { about, pass, unnamed }: Expected, named: boolean): string {
  if (about === 'anything') return PASSED;
  if (actor === 'anonymous') return 'TOKEN_MISSING';
  if (actor === 'expired') return 'TOKEN_EXPIRED';
  if (actor === 'stranger' || actor.startsWith('revoked')) return 'TOKEN_REFUSED';
  if (MACHINES.includes(actor)) return pass.includes(actor) ? PASSED : 'METHOD_FORBIDDEN';
  if (about !== 'lab') return pass.includes(actor) ? PASSED : 'METHOD_FORBIDDEN';
  if (named) {
    if (pass.includes(actor)) return PASSED;
    return SEES_LAB.includes(actor) ? 'METHOD_FORBIDDEN' : 'PROJECT_NOT_FOUND';
  }
  if (unnamed === 'REQUEST_INVALID') return unnamed;
  if (unnamed !== 'default') return unnamed?.includes(actor) === true ? PASSED : 'METHOD_FORBIDDEN';
  // The default project has no members here, so who is in one project means that.
  if (ADMINS.includes(actor) || actor === 'outsider') return PASSED;
  if (actor === 'plain') return 'PROJECT_NOT_NAMED';
  return pass.includes(actor) ? PASSED : 'METHOD_FORBIDDEN';
}

async function outcomeOf(call: Promise<void>): Promise<string> {
  try {
    await call;
    return PASSED;
  } catch (error) {
    if (isClusterError(error)) return error.code;
    throw error;
  }
}

/** One way to make one call, and its line in EXPECTED. */
interface Call {
  readonly line: string;
  /** Resolves when the door lets through. */
  make(people: People, actor: Actor, project: string | undefined): Promise<void>;
}

const CALLS: readonly Call[] = [...NABLA_SERVICES.flatMap(callsOf), ...routeCalls()];

function callsOf(service: ServiceDescriptor): readonly Call[] {
  return Object.entries(service.method).map(([key, method]) => {
    const row = `/${service.typeName}/${method.name}`;
    return {
      line: row.replace('/nabla.v1.', ''),
      async make(people, actor, project) {
        const caller = people.door.admit(row, people.credentials(actor));
        const guarded = guardService(people.door, service, reachable(service)) as Record<string, unknown>;
        const handler = guarded[key] as (request: unknown, context: CallContext) => unknown;
        const request = { project: project ?? '' };
        const streams = method.methodKind === 'bidi_streaming' || method.methodKind === 'client_streaming';
        const answer = handler(streams ? started(request) : request, contextOf(row, caller));
        if (isStream(answer)) for await (const reached of answer) t.ok(reached);
        else await answer;
      },
    };
  });
}

async function* started(value: unknown) {
  yield { message: { case: 'start', value } };
}

function isStream(answer: unknown): answer is AsyncIterable<unknown> {
  return typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;
}

/** Handlers that answer whatever gets to them. */
function reachable<S extends ServiceDescriptor>(service: S): ServiceHandlers<S> {
  const handlers = Object.entries(service.method).map(([key, { methodKind }]) => {
    const streams = methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
    const many = async function* () {
      yield {};
    };
    return [key, streams ? many : async () => ({})];
  });
  return Object.fromEntries(handlers) as ServiceHandlers<S>;
}

function contextOf(method: string, caller: Caller): CallContext {
  const { signal } = new AbortController();
  return {
    method,
    caller,
    signal,
    peer: '',
    token: undefined,
    deadlineMs: undefined,
    header: () => undefined,
  };
}

function routeCalls(): readonly Call[] {
  return [...createClientRoutes({} as never), ...createAgentRoutes({} as never)].map(({ method, path }) => {
    const row = `${method} ${path}`;
    return {
      line: row,
      async make(people, actor, project) {
        const caller = people.door.admit(row, people.credentials(actor));
        people.door.permit(row, caller, path.includes('{project}') ? (project ?? '') : undefined);
      },
    };
  });
}

t.test('each call has a line here and a row in the table, and nothing else has', async (t) => {
  const lines = CALLS.map(({ line }) => line).sort();
  t.same(lines, Object.keys(EXPECTED).sort());
  const rows = Object.keys(AUTHORISATION).map((row) => row.replace('/nabla.v1.', ''));
  t.same(rows.sort(), lines);
});

t.test('each described service is served', async (t) => {
  const files = [
    file_nabla_v1_admin,
    file_nabla_v1_agent,
    file_nabla_v1_catalog,
    file_nabla_v1_enrol,
    file_nabla_v1_explain,
    file_nabla_v1_identity,
    file_nabla_v1_job,
    file_nabla_v1_scheduling,
  ];
  const described = files.flatMap(({ services }) => services.map(({ typeName }) => typeName));
  t.same(NABLA_SERVICES.map(({ typeName }) => typeName).sort(), described.sort());
});

t.test('every actor gets what the guide says, of every call', async (t) => {
  const people = new People();
  for (const { line, make } of CALLS) {
    const expected = EXPECTED[line] ?? { about: 'cluster', pass: [] };
    for (const actor of ACTORS) {
      for (const project of [LAB, undefined]) {
        const outcome = await outcomeOf(make(people, actor, project));
        const want = expectedFor(actor, expected, project !== undefined);
        t.equal(outcome, want, `${actor}: ${line} ${project ?? 'with no project'}`);
      }
    }
  }
});

t.test('a call without a row is refused to everybody', async (t) => {
  for (const call of ['/nabla.v1.JobService/Unknown', '', 'constructor', '__proto__', 'toString']) {
    t.throws(
      () => authorise(call, ['admin', 'agent', 'operator', 'user']),
      { code: 'METHOD_FORBIDDEN' },
      call,
    );
  }
});
