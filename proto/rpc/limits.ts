/**
 * Every limit and timing of the gRPC doors. grpc-js's own defaults are never relied on.
 */

export interface RpcLimits {
  /** Largest message taken, bytes. Above it a call fails with kind quota. */
  readonly receiveBytesMax: number;
  /** Largest message sent, bytes. */
  readonly sendBytesMax: number;
  /** Calls at once on one connection. */
  readonly concurrentStreamsMax: number;
  /** A ping goes out after this much silence. */
  readonly keepaliveMs: number;
  /** A connection without an answer to its ping for this long is dead. */
  readonly keepaliveTimeoutMs: number;
  /** A server closes a connection that carried no call for this long. */
  readonly connectionIdleMs: number;
  /** First pause before a client connects again; doubles up to the next. */
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
}

export const MIB = 1024 * 1024;

/** For the control lane: small messages, quick notice of dead peers. */
export const CONTROL_LIMITS: RpcLimits = {
  receiveBytesMax: MIB,
  sendBytesMax: MIB,
  concurrentStreamsMax: 1000,
  keepaliveMs: 15_000,
  keepaliveTimeoutMs: 10_000,
  connectionIdleMs: 30 * 60_000,
  reconnectMinMs: 100,
  reconnectMaxMs: 5_000,
};

/**
 * For an agent's channel and the server behind it: a complete set names every task of a host, whose specs may hold
 * 200 KiB of environment each. Received by agents only; nothing a user sends may be larger than the rest.
 */
export const SESSION_LIMITS: RpcLimits = {
  ...CONTROL_LIMITS,
  receiveBytesMax: 64 * MIB,
  sendBytesMax: 8 * MIB,
};

/** A unary call without a deadline of its own gets this one. */
export const CALL_TIMEOUT_MS = 30_000;

/** The options of grpc-js that both ends share. Its own retries, proxies and lookups stay off. */
export function toSharedOptions(limits: RpcLimits): Record<string, number> {
  return {
    'grpc.max_receive_message_length': limits.receiveBytesMax,
    'grpc.max_send_message_length': limits.sendBytesMax,
    'grpc.max_concurrent_streams': limits.concurrentStreamsMax,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
  };
}

/** What a stream may take before the connection stands; above it, writers wait. */
const UNSENT_BYTES_MAX = 64 * 1024;

export function toClientOptions(limits: RpcLimits): Record<string, number> {
  return {
    ...toSharedOptions(limits),
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': UNSENT_BYTES_MAX,
    'grpc.retry_buffer_size': 16 * UNSENT_BYTES_MAX,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': limits.reconnectMinMs,
    'grpc.max_reconnect_backoff_ms': limits.reconnectMaxMs,
  };
}

/** No maximum age: an agent's session is one long stream, and cutting it would only make it dial again. */
export function toServerOptions(limits: RpcLimits): Record<string, number> {
  return { ...toSharedOptions(limits), 'grpc.max_connection_idle_ms': limits.connectionIdleMs };
}
