/**
 * The process that holds all simulated hosts, beside the controller that is measured. Joins them, starts them, and
 * tells on request how many are connected and how long their heartbeats took.
 */
import { readFile } from 'node:fs/promises';
import { makeCertificateRequest, makeHostKey } from '../../../agent/session/enrol/certificate-request.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import { EnrolService } from '../../../proto/gen/nabla/v1/enrol_pb.ts';
import type { Logger } from '../../../proto/ports/index.ts';
import { type ChannelTls, openChannel, type RpcChannel } from '../../../proto/rpc/channel.ts';
import { createClient } from '../../../proto/rpc/client.ts';
import { SESSION_LIMITS } from '../../../proto/rpc/limits.ts';
import { createClock } from '../../../proto/runtime/clock.ts';
import { createSystemRng } from '../../../proto/runtime/rng.ts';
import { type SimulatedHost, startSimulatedHost } from './simulated-host.ts';

export interface FleetOrder {
  readonly grpcAddress: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly hosts: number;
  readonly gpusPerHost: number;
  readonly taskMs: number;
}

/** To the fleet: start, or say how it is (and begin to count anew). */
export type FleetRequest = { readonly kind: 'start'; readonly order: FleetOrder } | { readonly kind: 'look' };

export type FleetAnswer =
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly why: string }
  | {
      readonly kind: 'seen';
      readonly connected: number;
      readonly lagsMs: readonly number[];
      readonly breaks: number;
    };

/** Hosts that join at once. */
const JOIN_WIDTH = 8;
const JOIN_TTL_MS = 600_000n;
/** Lags kept between two looks; later ones are as good. */
const LAGS_MAX = 200_000;

const clock = createClock();
const rng = createSystemRng();
const hosts: SimulatedHost[] = [];
let lagsMs: number[] = [];
let breaks = 0;

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message) => {
    if (message.includes('no connection')) breaks += 1;
  },
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  child: () => logger,
};

/** Each host dials as soon as it has joined, as real ones do; all at once they come after a restart. */
async function start(order: FleetOrder): Promise<void> {
  const caPem = await readFile(order.caFile, 'utf8');
  // One key for all: making thousands would take longer than the bench.
  const keyPem = makeHostKey();
  const certificateRequest = makeCertificateRequest(keyPem);
  let next = 0;
  const open = (token: string | (() => string)): RpcChannel =>
    openChannel({ address: order.grpcAddress, tls: { caPem }, token, clock, rng });
  const lane = async (): Promise<void> => {
    let joinToken = '';
    const admin = open(order.adminToken);
    const joining = open(() => joinToken);
    try {
      while (next < order.hosts) {
        const hostName = `sim-${next++}`;
        const made = await createClient(EnrolService, admin).createJoinToken({ ttlMs: JOIN_TTL_MS });
        joinToken = made.token;
        const joined = await createClient(EnrolService, joining).join({ certificateRequest, hostName });
        startHost(order, joined.hostId as HostId, { caPem, certPem: joined.certificatePem, keyPem });
      }
    } finally {
      admin.close();
      joining.close();
    }
  };
  await Promise.all(Array.from({ length: JOIN_WIDTH }, lane));
}

function startHost(order: FleetOrder, hostId: HostId, tls: ChannelTls): void {
  const limits = SESSION_LIMITS;
  hosts.push(
    startSimulatedHost({
      hostId,
      name: `sim-${hosts.length}`,
      gpus: order.gpusPerHost,
      taskMs: order.taskMs,
      openChannel: () => openChannel({ address: order.grpcAddress, tls, clock, rng, limits }),
      clock,
      rng: rng.split(hostId),
      logger,
      onLag: (lagMs) => {
        if (lagsMs.length < LAGS_MAX) lagsMs.push(lagMs);
      },
    }),
  );
}

function tell(answer: FleetAnswer): void {
  process.send?.(answer);
}

process.on('message', (request: FleetRequest) => {
  if (request.kind === 'start') {
    start(request.order).then(
      () => tell({ kind: 'started' }),
      (error: unknown) => tell({ kind: 'failed', why: String(error) }),
    );
    return;
  }
  const connected = hosts.filter((host) => host.connected).length;
  tell({ kind: 'seen', connected, lagsMs, breaks });
  lagsMs = [];
  breaks = 0;
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit(0));
