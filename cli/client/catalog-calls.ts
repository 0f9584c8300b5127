/**
 * Calls about projects, secrets, machine types, hosts and GPUs over gRPC, wire to domain.
 */
import type {
  HostService,
  MachineTypeService,
  ProjectService,
  SecretService,
} from '../../proto/gen/nabla/v1/catalog_pb.ts';
import type { ServiceClient } from '../../proto/rpc/method-types.ts';
import {
  fromWireGpuView,
  fromWireHost,
  fromWireMachineType,
  fromWireProject,
  fromWireSecret,
  toWireCapacity,
  toWireListOptions,
} from '../../proto/wire/catalog-wire.ts';
import { fromPresent } from '../../proto/wire/scalar-wire.ts';
import type {
  ClusterClient,
  HostCalls,
  MachineTypeCalls,
  ProjectCalls,
  SecretCalls,
} from './cluster-client.ts';
import { relabel, type Whereabouts } from './connection-error.ts';

export interface CatalogClients {
  readonly projects: ServiceClient<typeof ProjectService>;
  readonly secrets: ServiceClient<typeof SecretService>;
  readonly machineTypes: ServiceClient<typeof MachineTypeService>;
  readonly hosts: ServiceClient<typeof HostService>;
}

export function createCatalogCalls(
  clients: CatalogClients,
  told: Whereabouts,
): Pick<ClusterClient, 'projects' | 'secrets' | 'machineTypes' | 'hosts'> {
  return {
    projects: createProjectCalls(clients.projects, told),
    secrets: createSecretCalls(clients.secrets, told),
    machineTypes: createMachineTypeCalls(clients.machineTypes, told),
    hosts: createHostCalls(clients.hosts, told),
  };
}

function createProjectCalls(client: CatalogClients['projects'], told: Whereabouts): ProjectCalls {
  const read = (project: Parameters<typeof fromWireProject>[0] | undefined) =>
    fromWireProject(fromPresent(project, 'project'));
  return {
    create: async (request) =>
      read((await relabel(client.createProject({ ...request, tags: [...request.tags] }), told)).project),
    get: async (project) => read((await relabel(client.getProject({ project }), told)).project),
    async list(options) {
      const answer = await relabel(client.listProjects({ options: toWireListOptions(options) }), told);
      return { records: answer.projects.map(read), nextPageToken: answer.nextPageToken };
    },
    update: async ({ addTags, removeTags, ...request }) =>
      read(
        (
          await relabel(
            client.updateProject({ ...request, addTags: [...addTags], removeTags: [...removeTags] }),
            told,
          )
        ).project,
      ),
    async delete(project) {
      await relabel(client.deleteProject({ project }), told);
    },
  };
}

function createSecretCalls(client: CatalogClients['secrets'], told: Whereabouts): SecretCalls {
  return {
    async set(project, name, value) {
      const answer = await relabel(client.setSecret({ project, name, value: new Uint8Array(value) }), told);
      return fromWireSecret(fromPresent(answer.secret, 'secret'));
    },
    async list(project, options) {
      const answer = await relabel(
        client.listSecrets({ project, options: toWireListOptions(options) }),
        told,
      );
      return {
        records: answer.secrets.map((secret) => fromWireSecret(secret)),
        nextPageToken: answer.nextPageToken,
      };
    },
    async delete(project, name) {
      await relabel(client.deleteSecret({ project, name }), told);
    },
  };
}

function createMachineTypeCalls(client: CatalogClients['machineTypes'], told: Whereabouts): MachineTypeCalls {
  const read = (machineType: Parameters<typeof fromWireMachineType>[0] | undefined) =>
    fromWireMachineType(fromPresent(machineType, 'machineType'));
  return {
    async create({ capacity, name, description }) {
      const request = { name, description, capacity: toWireCapacity(capacity) };
      return read((await relabel(client.createMachineType(request), told)).machineType);
    },
    get: async (name) => read((await relabel(client.getMachineType({ name }), told)).machineType),
    async list(options) {
      const answer = await relabel(client.listMachineTypes({ options: toWireListOptions(options) }), told);
      return { records: answer.machineTypes.map(read), nextPageToken: answer.nextPageToken };
    },
    async delete(name) {
      await relabel(client.deleteMachineType({ name }), told);
    },
    alias: async (request) => read((await relabel(client.aliasMachineType(request), told)).machineType),
  };
}

function createHostCalls(client: CatalogClients['hosts'], told: Whereabouts): HostCalls {
  return {
    async confirmStop(host, count) {
      await relabel(client.confirmStop({ host, count }), told);
    },
    declareLost: async (host) => (await relabel(client.declareLost({ host }), told)).attempts,
    get: async (host) =>
      fromWireHost(fromPresent((await relabel(client.getHost({ host }), told)).host, 'host')),
    async list(options) {
      const answer = await relabel(client.listHosts({ options: toWireListOptions(options) }), told);
      return { records: answer.hosts.map((host) => fromWireHost(host)), nextPageToken: answer.nextPageToken };
    },
    getGpu: async (gpu) =>
      fromWireGpuView(fromPresent((await relabel(client.getGpu({ gpu }), told)).gpu, 'gpu')),
    async listGpus(options) {
      const answer = await relabel(client.listGpus({ options: toWireListOptions(options) }), told);
      return { records: answer.gpus.map((gpu) => fromWireGpuView(gpu)), nextPageToken: answer.nextPageToken };
    },
  };
}
