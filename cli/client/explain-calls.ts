/** Calls about decisions of the scheduler over gRPC, wire to domain. Loaded when a verb needs them. */
import type { ClusterLoad, JobExplanation } from '../../proto/domain/explain-views.ts';
import { ExplainService } from '../../proto/gen/nabla/v1/explain_pb.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';

import { fromWireExplanation, fromWireLoad } from '../../proto/wire/explain-wire.ts';
import { fromPresent } from '../../proto/wire/scalar-wire.ts';
import { relabel, type Whereabouts } from './connection-error.ts';

export interface ExplainRequest {
  readonly project: string;
  readonly job: string;
  /** Only why and when, which is quick. */
  readonly withoutChanges: boolean;
}

export interface ExplainCalls {
  explainJob(request: ExplainRequest): Promise<JobExplanation>;
  clusterLoad(): Promise<ClusterLoad>;
}

export function createExplainCalls(channel: RpcChannel, told: Whereabouts): ExplainCalls {
  const client = createClient(ExplainService, channel);
  return {
    explainJob: async (request) =>
      fromWireExplanation(
        fromPresent((await relabel(client.explainJob(request), told)).explanation, 'explanation'),
      ),
    clusterLoad: async () =>
      fromWireLoad(fromPresent((await relabel(client.getClusterLoad({}), told)).load, 'load')),
  };
}
