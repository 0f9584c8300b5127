/** ReservationService: what operators set aside. Members of a project see its reservations. */
import type { ReservationId } from '../../../proto/domain/ids.ts';
import { RESERVATION_LIST } from '../../../proto/domain/scheduling-list.ts';
import { ReservationSchema, type ReservationService } from '../../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { fromInt64 } from '../../../proto/wire/scalar-wire.ts';
import { toWireReservation } from '../../../proto/wire/scheduling-wire.ts';
import { foundProject } from '../../core/found-record.ts';
import { projectRoleOf } from '../../core/identity/access.ts';
import { requireAccess } from '../auth/door.ts';
import { listPage } from '../list-page.ts';
import { optionalReference, requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createReservationService(ports: ServicePorts): ServiceHandlers<typeof ReservationService> {
  const { engine, clock } = ports;
  return {
    async createReservation({ name, project, hosts, gpuMilli, gpuModel, startMs, endMs }, context) {
      const { subject } = await engine.submit(
        {
          type: 'create-reservation',
          id: ports.ids.mint('reservation') as ReservationId,
          name: requireReference(name, 'name'),
          project: requireReference(project, 'project'),
          hosts: hosts.map((host, index) => requireReference(host, `hosts[${index}]`)),
          gpuMilli: fromInt64(gpuMilli, 'gpuMilli'),
          gpuModel,
          startMs: fromInt64(startMs, 'startMs'),
          endMs: fromInt64(endMs, 'endMs'),
        },
        commandContext(ports, context),
      );
      const made = await engine.read((view) => view.scheduling.reservation(subject as ReservationId));
      return made === undefined ? {} : { reservation: toWireReservation(made) };
    },
    async listReservations({ project, options }, { caller }) {
      optionalReference(project, 'project');
      const records = await engine.read((view) => {
        const access = requireAccess(view, caller, clock.nowMs());
        const only = project === '' ? undefined : foundProject(view, project).id;
        return view.scheduling
          .reservations()
          .filter(({ projectId }) => only === undefined || projectId === only)
          .filter(({ projectId }) => projectRoleOf(view, access, projectId) !== undefined);
      });
      const source = {
        kind: RESERVATION_LIST,
        records,
        schema: ReservationSchema,
        toWire: toWireReservation,
      };
      const page = listPage(source, options);
      return { reservations: page.records, nextPageToken: page.nextPageToken };
    },
    async deleteReservation({ reservation }, context) {
      requireReference(reservation, 'reservation');
      await engine.submit({ type: 'delete-reservation', reservation }, commandContext(ports, context));
      return {};
    },
  };
}
