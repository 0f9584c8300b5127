/**
 * A connection to one server, shared by the clients of all its services. Importing this file loads grpc-js, so
 * programs that must start fast import it when they first call.
 */
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, Client, credentials, Metadata } from '@grpc/grpc-js';
import { ClusterError } from '../errors/cluster-error.ts';
import type { Clock, Rng } from '../ports/index.ts';
import { DEFAULT_RETRY, type RetryPolicy } from './call-options.ts';
import { fromCallError } from './grpc-error.ts';
import { CALL_TIMEOUT_MS, CONTROL_LIMITS, type RpcLimits, toClientOptions } from './limits.ts';

export interface ChannelTls {
  /** The only CA that is trusted. */
  readonly caPem: string;
  /** Name to expect in the certificate, when it is not the host of the address. */
  readonly serverName?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
}

export interface ChannelOptions {
  /** `host:port`. */
  readonly address: string;
  /** Absent: plain text; a token is then only sent to this machine. */
  readonly tls?: ChannelTls;
  /** Bearer token, or where to read the present one. */
  readonly token?: string | (() => string | undefined);
  readonly clock: Clock;
  readonly rng: Rng;
  readonly retry?: RetryPolicy;
  /** Of unary calls that name none. Default 30 s. */
  readonly timeoutMs?: number;
  readonly limits?: Partial<RpcLimits>;
}

export interface RpcChannel {
  readonly address: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  /** Headers of the next call. */
  createMetadata(extra: Readonly<Record<string, string>> | undefined): Metadata;
  /**
   * Resolves once connected.
   *
   * @throws ClusterError deadline when that takes longer than `timeoutMs`.
   */
  ready(timeoutMs: number): Promise<void>;
  /** Cuts the connection; running calls end as cancelled. Idempotent. */
  close(): void;
}

const LOOPBACK = /^(ipv[46]:)?(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

function toCredentials(options: ChannelOptions): ChannelCredentials {
  const { tls } = options;
  if (tls === undefined) {
    if (options.token !== undefined && !LOOPBACK.test(options.address)) {
      throw new ClusterError('invalid', 'TOKEN_NEEDS_TLS', 'a token is not sent in plain text', {
        details: { address: options.address },
        hint: 'give the CA certificate of the server',
      });
    }
    return credentials.createInsecure();
  }
  const expected = tls.serverName ?? toHost(options.address);
  const made = madeCredentials.get(tls);
  if (made?.expected === expected) return made.ready;
  const ready = toTlsCredentials(tls, expected);
  madeCredentials.set(tls, { expected, ready });
  return ready;
}

/** Reading keys and certificates costs milliseconds: who dials again with the same object does not pay again. */
const madeCredentials = new WeakMap<ChannelTls, { expected: string; ready: ChannelCredentials }>();

function toTlsCredentials(tls: ChannelTls, expected: string): ChannelCredentials {
  const toBuffer = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(Buffer.from(tls.caPem), toBuffer(tls.keyPem), toBuffer(tls.certPem), {
    // The name that is asked for by SNI may be a stand-in; the certificate is always held against the real one.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(expected, certificate),
  });
}

/** Host of `host:port`, without brackets. */
function toHost(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

/** An address cannot be asked for by SNI (RFC 6066, 3), so a name that every server certificate has stands in. */
const ADDRESS_STAND_IN = 'localhost';

function chooseSniName(options: ChannelOptions): string | undefined {
  if (options.tls === undefined) return undefined;
  if (options.tls.serverName !== undefined) return options.tls.serverName;
  return isIP(toHost(options.address)) === 0 ? undefined : ADDRESS_STAND_IN;
}

/** Opens lazily: the first call connects. */
export function openChannel(options: ChannelOptions): RpcChannel {
  const { address, clock, token } = options;
  const sniName = chooseSniName(options);
  const client = new Client(address, toCredentials(options), {
    ...toClientOptions({ ...CONTROL_LIMITS, ...options.limits }),
    ...(sniName === undefined ? {} : { 'grpc.ssl_target_name_override': sniName }),
  });
  return {
    address,
    client,
    clock,
    rng: options.rng,
    retry: options.retry ?? DEFAULT_RETRY,
    timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS,
    createMetadata(extra) {
      const metadata = new Metadata();
      const present = typeof token === 'function' ? token() : token;
      if (present !== undefined) metadata.set('authorization', `Bearer ${present}`);
      for (const [name, value] of Object.entries(extra ?? {})) metadata.set(name, value);
      return metadata;
    },
    ready(timeoutMs) {
      return new Promise((resolve, reject) => {
        client.waitForReady(Date.now() + timeoutMs, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(fromCallError({ code: 14, details: 'No connection established' }, address));
        });
      });
    },
    close: () => client.close(),
  };
}
