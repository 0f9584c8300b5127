/**
 * HostService: hosts and GPUs with liveness and telemetry merged in.
 */
import { GPU_LIST, HOST_LIST } from '../../../proto/domain/record-list.ts';
import type { GpuView } from '../../../proto/domain/views.ts';
import { GpuSchema, HostSchema, type HostService } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireGpuView, toWireHost } from '../../../proto/wire/catalog-wire.ts';
import { found, foundHost } from '../../core/found-record.ts';
import { LOOKUP_MATCHES_MAX } from '../../core/limits.ts';
import { listPage } from '../list-page.ts';
import { requireReference } from '../request-field.ts';
import type { ServicePorts } from '../service-ports.ts';
import { listGpuViews, matchGpus, toHostView } from '../view/host-view.ts';

export function createHostService({ engine, live }: ServicePorts): ServiceHandlers<typeof HostService> {
  return {
    async getHost({ host }) {
      const ref = requireReference(host, 'host');
      const shown = await engine.read((view) => toHostView(view, foundHost(view, ref), live));
      return { host: toWireHost(shown) };
    },
    async listHosts({ options }) {
      const records = await engine.read((view) =>
        [...view.hosts()].map((host) => toHostView(view, host, live)),
      );
      const page = listPage({ kind: HOST_LIST, records, schema: HostSchema, toWire: toWireHost }, options);
      return { hosts: page.records, nextPageToken: page.nextPageToken };
    },
    async getGpu({ gpu }) {
      const ref = requireReference(gpu, 'gpu');
      const matches = await engine.read((view) => matchGpus(listGpuViews(view, live), ref));
      return { gpu: toWireGpuView(oneOf(matches, ref)) };
    },
    async listGpus({ options }) {
      const records = await engine.read((view) => listGpuViews(view, live));
      const page = listPage({ kind: GPU_LIST, records, schema: GpuSchema, toWire: toWireGpuView }, options);
      return { gpus: page.records, nextPageToken: page.nextPageToken };
    },
  };
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
