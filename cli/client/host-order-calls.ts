/**
 * Calls of operators about hosts: who may join, and what hosts are to do.
 */
import type { DrainMode } from '../../proto/domain/catalog.ts';
import type { HostView } from '../../proto/domain/views.ts';
import { EnrolService, HostControlService } from '../../proto/gen/nabla/v1/enrol_pb.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { fromWireHost } from '../../proto/wire/catalog-wire.ts';
import { drainModeBridge } from '../../proto/wire/enum-wire.ts';
import { fromInt64, fromPresent } from '../../proto/wire/scalar-wire.ts';
import { relabel, type Whereabouts } from './connection-error.ts';

export interface JoinTokenRequest {
  /** 0: as long as the controller gives by itself. */
  readonly ttlMs: number;
  /** Empty: a host of any name. */
  readonly hostName: string;
  /** A known host that gets a new certificate; empty: a new one. */
  readonly host: string;
}

export interface JoinTokenAnswer {
  readonly token: string;
  readonly expiresAtMs: number;
  /** SHA-256 of the controller's CA certificate, hex. */
  readonly caSha256: string;
}

export interface DrainRequest {
  readonly host: string;
  readonly mode: DrainMode;
  /** 0: none. */
  readonly deadlineAfterMs: number;
  readonly reason: string;
}

export interface HostOrderCalls {
  createJoinToken(request: JoinTokenRequest): Promise<JoinTokenAnswer>;
  cordon(host: string, reason: string): Promise<HostView>;
  uncordon(host: string): Promise<HostView>;
  drain(request: DrainRequest): Promise<HostView>;
  /** Undefined for a host that joined and never said hello. */
  revoke(host: string, reason: string): Promise<HostView | undefined>;
  /** The id of the host that was removed. */
  remove(host: string, force: boolean): Promise<string>;
}

export function createHostOrderCalls(channel: RpcChannel, told: Whereabouts): HostOrderCalls {
  const enrol = createClient(EnrolService, channel);
  const control = createClient(HostControlService, channel);
  const shown = async (call: Promise<{ readonly host?: Parameters<typeof fromWireHost>[0] | undefined }>) =>
    fromWireHost(fromPresent((await relabel(call, told)).host, 'host'));
  return {
    async createJoinToken({ ttlMs, hostName, host }) {
      const answer = await relabel(enrol.createJoinToken({ ttlMs: BigInt(ttlMs), hostName, host }), told);
      const { token, caSha256, expiresAtMs } = answer;
      return { token, caSha256, expiresAtMs: fromInt64(expiresAtMs, 'expiresAtMs') };
    },
    cordon: (host, reason) => shown(control.cordonHost({ host, reason })),
    uncordon: (host) => shown(control.uncordonHost({ host })),
    drain: ({ host, mode, deadlineAfterMs, reason }) =>
      shown(
        control.drainHost({
          host,
          mode: drainModeBridge.toWire(mode),
          deadlineAfterMs: BigInt(deadlineAfterMs),
          reason,
        }),
      ),
    async revoke(host, reason) {
      const { host: left } = await relabel(control.revokeHost({ host, reason }), told);
      return left === undefined ? undefined : fromWireHost(left);
    },
    remove: async (host, force) => (await relabel(control.removeHost({ host, force }), told)).hostId,
  };
}
