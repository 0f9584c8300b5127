/** PolicyService: the settings of the scheduler, now and as they were. */
import { POLICY_LIST } from '../../../proto/domain/scheduling-list.ts';
import { type PolicyService, PolicyVersionSchema } from '../../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { fromMap, present } from '../../../proto/wire/scalar-wire.ts';
import { toWirePolicy } from '../../../proto/wire/scheduling-wire.ts';
import { listPage } from '../list-page.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createPolicyService(ports: ServicePorts): ServiceHandlers<typeof PolicyService> {
  const { engine } = ports;
  const show = () => engine.read((view) => ({ policy: toWirePolicy(view.scheduling.policy) }));
  return {
    getPolicy: show,
    async setPolicy({ settings, note, expectedVersion }, context) {
      await engine.submit(
        {
          type: 'set-policy',
          settings: fromMap(settings, 'settings'),
          note,
          ...present('expectedVersion', expectedVersion),
        },
        commandContext(ports, context),
      );
      return show();
    },
    async listPolicies({ options }) {
      const records = await engine.read((view) => view.scheduling.policies());
      const source = { kind: POLICY_LIST, records, schema: PolicyVersionSchema, toWire: toWirePolicy };
      const page = listPage(source, options);
      return { policies: page.records, nextPageToken: page.nextPageToken };
    },
  };
}
