/**
 * A whole controller inside the test's process: real gRPC over TLS, real HTTP, real files in a temporary folder, free
 * ports; and clients and scripted agents that talk to it.
 */
import { readFile } from 'node:fs/promises';
import type { Test } from 'tap';
import type { Controller, ControllerSettings } from '../../controller/controller-options.ts';
import { startController } from '../../controller/start-controller.ts';
import {
  EventService,
  HostService,
  IdentityService,
  MachineTypeService,
  ProjectService,
  SecretService,
} from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import { NO_RETRY } from '../../proto/rpc/call-options.ts';
import { openChannel, type RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import type { ServiceClient } from '../../proto/rpc/method-types.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createIdSource } from '../../proto/runtime/id-source.ts';
import { createLogger, SILENT_LOGGER } from '../../proto/runtime/logger.ts';
import { createRng } from '../../proto/runtime/rng.ts';
import { hostId as toHostId } from './builders.ts';
import { FakeAgent, type FakeAgentOptions } from './fake-agent.ts';
import { createHostIdentities, type HostIdentities } from './host-identities.ts';
import { type HttpAnswer, type HttpRequest, httpRequest } from './http-request.ts';

export interface Clients {
  readonly channel: RpcChannel;
  readonly jobs: ServiceClient<typeof JobService>;
  readonly projects: ServiceClient<typeof ProjectService>;
  readonly secrets: ServiceClient<typeof SecretService>;
  readonly machineTypes: ServiceClient<typeof MachineTypeService>;
  readonly hosts: ServiceClient<typeof HostService>;
  readonly events: ServiceClient<typeof EventService>;
  readonly identity: ServiceClient<typeof IdentityService>;
}

export interface RunningController extends Clients {
  readonly controller: Controller;
  readonly folder: string;
  readonly adminToken: string;
  /** Certificates of scripted hosts. */
  readonly identities: HostIdentities;
  /** Errors that would have ended the process. */
  readonly fatal: unknown[];
  /** Clients with another token; undefined for none at all. */
  clientsWith(token: string | undefined): Clients;
  /** Clients with the certificate of a host, made when it is first asked for. */
  clientsOf(hostId: string): Promise<Clients>;
  /** Where agents dial. */
  readonly target: Pick<FakeAgentOptions, 'grpcAddress' | 'httpAddress' | 'caPem'>;
  /** Connects a scripted host; it is disconnected when the test ends. */
  agent(options?: Partial<FakeAgentOptions>): Promise<FakeAgent>;
  http(request: Partial<HttpRequest>): Promise<HttpAnswer>;
  /** Closes and starts again on the same folder. */
  restart(): Promise<RunningController>;
}

export interface RunOptions {
  /** LevelDB in the folder instead of memory. */
  readonly durable?: boolean;
  readonly folder?: string;
  readonly settings?: Partial<ControllerSettings>;
  /** Of an earlier run on the same folder. */
  readonly identities?: HostIdentities;
}

export async function runController(t: Test, options: RunOptions = {}): Promise<RunningController> {
  const folder = options.folder ?? t.testdir();
  const clock = createClock();
  const fatal: unknown[] = [];
  const controller = await startController({
    settings: {
      folder: `${folder}/controller`,
      inMemory: options.durable !== true,
      grpcAddress: '127.0.0.1:0',
      httpAddress: '127.0.0.1:0',
      tlsNames: [],
      allowVolatileStore: true,
      workspaceBytesMax: 8 * 1024 * 1024,
      artifactBytesMax: 8 * 1024 * 1024,
      heartbeatMs: 1_000,
      ...options.settings,
    },
    clock,
    ids: createIdSource(clock),
    rng: createRng(1),
    logger:
      process.env['NABLA_TEST_LOG'] === undefined ? SILENT_LOGGER : createLogger({ clock, level: 'debug' }),
    onFatal: (error) => void fatal.push(error),
  });
  t.teardown(() => controller.close());
  const readToken = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();
  const adminToken = await readToken(controller.tokens.adminTokenFile);
  const { grpcAddress, httpAddress, caPem } = controller;
  const door = { grpcAddress, caPem, adminToken };
  const identities = options.identities ?? createHostIdentities(() => door);
  const clientsWith = (token: string | undefined): Clients => openClients(t, { grpcAddress, caPem, token });
  const clientsOf = async (hostId: string): Promise<Clients> => {
    const { certPem, keyPem } = await identities.of(hostId);
    return openClients(t, { grpcAddress, caPem, token: undefined, certPem, keyPem });
  };
  return {
    ...clientsWith(adminToken),
    controller,
    folder,
    adminToken,
    identities,
    target: { grpcAddress, httpAddress, caPem },
    fatal,
    clientsWith,
    clientsOf,
    async agent(agentOptions = {}) {
      const pair = await identities.of(toHostId(agentOptions.host ?? '1'));
      const agent = new FakeAgent({ grpcAddress, httpAddress, caPem, ...pair, ...agentOptions });
      t.teardown(() => agent.disconnect());
      await agent.connect();
      return agent;
    },
    http: (request) =>
      httpRequest({ address: httpAddress, caPem, token: adminToken, method: 'GET', path: '/', ...request }),
    async restart() {
      await controller.close();
      // What is kept in memory has forgotten who joined.
      const kept = options.durable === true ? { identities } : {};
      return runController(t, { ...options, ...kept, folder });
    },
  };
}

interface ClientTarget {
  readonly grpcAddress: string;
  readonly caPem: string;
  readonly token: string | undefined;
  readonly certPem?: string;
  readonly keyPem?: string;
}

function openClients(t: Test, { grpcAddress, token, ...tls }: ClientTarget): Clients {
  const channel = openChannel({
    address: grpcAddress,
    tls,
    ...(token === undefined ? {} : { token }),
    clock: createClock(),
    rng: createRng(2),
    retry: NO_RETRY,
  });
  t.teardown(() => channel.close());
  return {
    channel,
    jobs: createClient(JobService, channel),
    projects: createClient(ProjectService, channel),
    secrets: createClient(SecretService, channel),
    machineTypes: createClient(MachineTypeService, channel),
    hosts: createClient(HostService, channel),
    events: createClient(EventService, channel),
    identity: createClient(IdentityService, channel),
  };
}

/** Everything that a stream gives. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
