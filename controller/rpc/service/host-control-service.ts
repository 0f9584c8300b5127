/**
 * HostControlService: an operator's orders about hosts.
 */
import type { HostControlService } from '../../../proto/gen/nabla/v1/enrol_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireHost } from '../../../proto/wire/catalog-wire.ts';
import { drainModeBridge } from '../../../proto/wire/enum-wire.ts';
import { fromInt64 } from '../../../proto/wire/scalar-wire.ts';
import type { Command } from '../../core/command.ts';
import { foundHost } from '../../core/found-record.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';
import { toHostView } from '../view/host-view.ts';

export function createHostControlService(ports: ServicePorts): ServiceHandlers<typeof HostControlService> {
  const { engine, live } = ports;
  const order = async (command: Command, context: CallContext) => {
    const { subject } = await engine.submit(command, commandContext(ports, context));
    return {
      host: await engine.read((view) => toWireHost(toHostView(view, foundHost(view, subject), live))),
    };
  };
  return {
    cordonHost: ({ host, reason }, context) =>
      order({ type: 'cordon-host', host: requireReference(host, 'host'), reason }, context),
    uncordonHost: ({ host }, context) =>
      order({ type: 'uncordon-host', host: requireReference(host, 'host') }, context),
    drainHost: ({ host, mode, deadlineAfterMs, reason }, context) =>
      order(
        {
          type: 'drain-host',
          host: requireReference(host, 'host'),
          mode: drainModeBridge.fromWire(mode, 'mode'),
          deadlineAfterMs: fromInt64(deadlineAfterMs, 'deadlineAfterMs'),
          reason,
        },
        context,
      ),
    async revokeHost({ host, reason }, context) {
      const command: Command = { type: 'revoke-host', host: requireReference(host, 'host'), reason };
      const { subject } = await engine.submit(command, commandContext(ports, context));
      // A host that joined and never said hello has no record to show.
      return engine.read((view) => {
        const found = view.findHost(subject);
        return found.found ? { host: toWireHost(toHostView(view, found.record, live)) } : {};
      });
    },
    async removeHost({ host, force }, context) {
      const command: Command = { type: 'remove-host', host: requireReference(host, 'host'), force };
      const { subject: hostId } = await engine.submit(command, commandContext(ports, context));
      return { hostId };
    },
  };
}
