/**
 * HostService: hosts and GPUs with liveness and telemetry merged in.
 */
import { GPU_LIST, HOST_LIST } from '../../../proto/domain/record-list.ts';
import type { GpuView } from '../../../proto/domain/views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { GpuSchema, HostSchema, type HostService } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireGpuView, toWireHost } from '../../../proto/wire/catalog-wire.ts';
import { found, foundHost } from '../../core/found-record.ts';
import { LOOKUP_MATCHES_MAX } from '../../core/limits.ts';
import type { ClusterView } from '../../core/view.ts';
import { requireAccess } from '../auth/door.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';
import { listGpuViews, matchGpus, toHostView } from '../view/host-view.ts';
import { toVeil, type VeilGpu, veilHost } from '../view/veil.ts';

export function createHostService(ports: ServicePorts): ServiceHandlers<typeof HostService> {
  const { engine, live } = ports;
  /** GPUs are everybody's to see, the jobs on them are not. */
  const veilFor = (view: ClusterView, { caller }: CallContext): VeilGpu =>
    toVeil(view, requireAccess(view, caller, ports.clock.nowMs()));
  return {
    async getHost({ host }, context) {
      const ref = requireReference(host, 'host');
      const shown = await engine.read((view) =>
        veilHost(toHostView(view, foundHost(view, ref), live), veilFor(view, context)),
      );
      return { host: toWireHost(shown) };
    },
    async listHosts({ options }, context) {
      const records = await engine.read((view) => {
        const veil = veilFor(view, context);
        return Array.from(view.hosts(), (host) => veilHost(toHostView(view, host, live), veil));
      });
      const page = listPage({ kind: HOST_LIST, records, schema: HostSchema, toWire: toWireHost }, options);
      return { hosts: page.records, nextPageToken: page.nextPageToken };
    },
    async getGpu({ gpu }, context) {
      const ref = requireReference(gpu, 'gpu');
      const matches = await engine.read((view) =>
        matchGpus(listGpuViews(view, live), ref).map(veilFor(view, context)),
      );
      return { gpu: toWireGpuView(oneOf(matches, ref)) };
    },
    async listGpus({ options }, context) {
      const records = await engine.read((view) => listGpuViews(view, live).map(veilFor(view, context)));
      const page = listPage({ kind: GPU_LIST, records, schema: GpuSchema, toWire: toWireGpuView }, options);
      return { gpus: page.records, nextPageToken: page.nextPageToken };
    },
    async confirmStop({ host, count }) {
      const ref = requireReference(host, 'host');
      const { id } = await engine.read((view) => foundHost(view, ref));
      ports.confirmStop(id, count);
      return { count };
    },
    async declareLost({ host }, context) {
      const ref = requireReference(host, 'host');
      const { id: hostId } = await engine.read((view) => foundHost(view, ref));
      const state = live.stateOf(hostId);
      if (state === 'ready' || state === 'suspect') throw hostPresent(state);
      const command = { type: 'declare-lost', hostId, by: { cause: 'operator' } } as const;
      const { declared = [] } = await engine.submit(command, commandContext(ports, context));
      return { attempts: [...declared] };
    },
  };
}

/** What may still be talked to is stopped in order, with proof. */
function hostPresent(state: string): ClusterError {
  return new ClusterError('precondition', 'HOST_PRESENT', 'the host is not silent', {
    hint: 'stop its jobs with nabla jobs stop; a host that is silent for 45 s may be declared lost',
    details: { state },
  });
}

/** @throws ClusterError not-found GPU_NOT_FOUND, invalid GPU_AMBIGUOUS */
function oneOf(gpus: readonly GpuView[], ref: string): GpuView {
  const [first] = gpus;
  const matches = gpus.slice(0, LOOKUP_MATCHES_MAX).map(({ uuid }) => uuid);
  return found<GpuView>(
    first !== undefined && gpus.length === 1
      ? { found: true, record: first }
      : { found: false, why: first === undefined ? 'absent' : 'ambiguous', matches },
    { ref, noun: 'gpu', list: 'gpus list' },
  );
}
