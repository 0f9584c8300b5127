/**
 * MachineTypeService: named bundles of resources, made by operators or derived from the hosts.
 */
import { MACHINE_TYPE_LIST } from '../../../proto/domain/record-list.ts';
import {
  type MachineType,
  MachineTypeSchema,
  type MachineTypeService,
} from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { fromWireCapacity, toWireMachineType } from '../../../proto/wire/catalog-wire.ts';
import { foundMachineType } from '../../core/found-record.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';
import { toMachineTypeView } from '../view/host-view.ts';

export function createMachineTypeService(ports: ServicePorts): ServiceHandlers<typeof MachineTypeService> {
  const { engine } = ports;
  const show = async (ref: string): Promise<MachineType> =>
    toWireMachineType(await engine.read((view) => toMachineTypeView(view, foundMachineType(view, ref))));
  return {
    async createMachineType({ name, capacity, description }, context) {
      const { subject } = await engine.submit(
        {
          type: 'create-machine-type',
          name: requireReference(name, 'name'),
          capacity: fromWireCapacity(capacity, 'capacity'),
          description,
        },
        commandContext(ports, context),
      );
      return { machineType: await show(subject) };
    },
    async getMachineType({ name }) {
      return { machineType: await show(requireReference(name, 'name')) };
    },
    async listMachineTypes({ options }) {
      const records = await engine.read((view) =>
        view.machineTypes().map((machineType) => toMachineTypeView(view, machineType)),
      );
      const source = {
        kind: MACHINE_TYPE_LIST,
        records,
        schema: MachineTypeSchema,
        toWire: toWireMachineType,
      };
      const page = listPage(source, options);
      return { machineTypes: page.records, nextPageToken: page.nextPageToken };
    },
    async deleteMachineType({ name }, context) {
      await engine.submit(
        { type: 'delete-machine-type', name: requireReference(name, 'name') },
        commandContext(ports, context),
      );
      return {};
    },
    async aliasMachineType({ name, alias, remove }, context) {
      requireReference(name, 'name');
      requireReference(alias, 'alias');
      await engine.submit(
        { type: 'alias-machine-type', name, alias, remove },
        commandContext(ports, context),
      );
      return { machineType: await show(name) };
    },
  };
}
