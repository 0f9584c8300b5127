/**
 * A typed client of a test cluster over the services that everybody uses, for tests and benches that look at a
 * cluster from outside.
 */
import { readFile } from 'node:fs/promises';
import { AdminService } from '../../proto/gen/nabla/v1/admin_pb.ts';
import { type Host, HostService } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { type Job, JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import { openChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import type { ServiceClient } from '../../proto/rpc/method-types.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';

export interface ClusterClient {
  readonly jobs: ServiceClient<typeof JobService>;
  readonly hosts: ServiceClient<typeof HostService>;
  readonly admin: ServiceClient<typeof AdminService>;
  /** Every job of the default project, oldest pages last. */
  listJobs(filters?: readonly string[]): Promise<readonly Job[]>;
  listHosts(): Promise<readonly Host[]>;
  close(): void;
}

/** The most that one page holds. */
const PAGE_MAX = 1_000;

export interface ClusterTarget {
  /** `host:port` of the gRPC door. */
  readonly address: string;
  readonly caFile: string;
  readonly token: string;
}

export async function openClusterClient(target: ClusterTarget): Promise<ClusterClient> {
  const channel = openChannel({
    address: target.address,
    tls: { caPem: await readFile(target.caFile, 'utf8') },
    token: target.token,
    clock: createClock(),
    rng: createSystemRng(),
  });
  const jobs = createClient(JobService, channel);
  const hosts = createClient(HostService, channel);
  return {
    jobs,
    hosts,
    admin: createClient(AdminService, channel),
    async listJobs(filters = []) {
      const all: Job[] = [];
      for (let pageToken = ''; ; ) {
        const options = { limit: PAGE_MAX, pageToken, filters: [...filters] };
        const page = await jobs.listJobs({ project: 'default', options });
        all.push(...page.jobs);
        if (page.nextPageToken === '') return all;
        pageToken = page.nextPageToken;
      }
    },
    async listHosts() {
      const all: Host[] = [];
      for (let pageToken = ''; ; ) {
        const page = await hosts.listHosts({ options: { limit: PAGE_MAX, pageToken } });
        all.push(...page.hosts);
        if (page.nextPageToken === '') return all;
        pageToken = page.nextPageToken;
      }
    },
    close: () => channel.close(),
  };
}
