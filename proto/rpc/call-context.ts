/**
 * What a handler knows about its call. Everything that costs something (peer, signal) is made when first asked.
 */
import type { Metadata } from '@grpc/grpc-js';
import type { HostId, Principal, TokenId, UserId } from '../domain/ids.ts';
import { ClusterError } from '../errors/cluster-error.ts';
import type { PeerConnection } from './peer-connection.ts';

/** Who calls, as `authenticate` found out. */
export interface Caller {
  readonly principal: Principal;
  /** Closed set of the server, e.g. `admin`, `member`, `agent`. */
  readonly roles: readonly string[];
  /** Present when the caller is an agent. */
  readonly hostId?: HostId;
  /** Present when the caller is a user with a record. */
  readonly userId?: UserId;
  /** Of that user, the one shown. */
  readonly tokenId?: TokenId;
}

export const ANONYMOUS: Caller = { principal: 'anonymous' as Principal, roles: [] };

/** Request headers and connection facts that authentication may look at. */
export interface CallMetadata {
  /** Full path, e.g. `/nabla.v1.JobService/CreateJob`. */
  readonly method: string;
  readonly peer: string;
  /** The bearer token, without the word; undefined when there is none. */
  readonly token: string | undefined;
  /** Undefined where there is no socket behind the call. */
  readonly connection: PeerConnection | undefined;
  /** First value of a text header. */
  header(name: string): string | undefined;
}

export interface CallContext extends Omit<CallMetadata, 'connection'> {
  readonly caller: Caller;
  /** Aborted when the client cancels, the deadline passes or the server closes. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds; undefined without one. */
  readonly deadlineMs: number | undefined;
}

/** The parts of a grpc-js server call that all kinds share. */
export interface AnyServerCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getPeer(): string;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

const TOKEN_CHARACTERS_MAX = 4096;

export function readBearerToken(metadata: Metadata): string | undefined {
  const value = metadata.get('authorization')[0];
  if (typeof value !== 'string' || value.length > TOKEN_CHARACTERS_MAX) return undefined;
  return /^bearer +(\S+)$/i.exec(value)?.[1];
}

function createCancelled(): ClusterError {
  return new ClusterError('cancelled', 'CALL_CANCELLED', 'the call was cancelled');
}

export class ServerCallContext implements CallContext {
  readonly method: string;
  caller: Caller = ANONYMOUS;
  readonly #call: AnyServerCall;
  #abort: AbortController | undefined;
  #ended: (() => ClusterError) | undefined;

  constructor(method: string, call: AnyServerCall) {
    this.method = method;
    this.#call = call;
    // grpc-js says cancelled at the end of every call; the error is only made for who asked for the signal.
    call.once('cancelled', () => this.end(createCancelled));
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#ended !== undefined) this.#abort.abort(this.#ended());
    }
    return this.#abort.signal;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get token(): string | undefined {
    return readBearerToken(this.#call.metadata);
  }

  get deadlineMs(): number | undefined {
    const deadline = this.#call.getDeadline();
    const deadlineMs = deadline instanceof Date ? deadline.getTime() : deadline;
    return Number.isFinite(deadlineMs) ? deadlineMs : undefined;
  }

  /** The client is gone: nothing that is still sent would arrive. */
  get cancelled(): boolean {
    return this.#call.cancelled;
  }

  header(name: string): string | undefined {
    const value = this.#call.metadata.get(name)[0];
    return typeof value === 'string' ? value : undefined;
  }

  /** Aborts {@link signal} with the reason, made when somebody listens. Only the first reason counts. */
  end(reason: () => ClusterError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#abort?.abort(reason());
  }
}
