/**
 * Who may call is asked as soon as a call's headers are there. grpc-js hands a call to its handler only with the whole
 * first message in hand, so asking there would let strangers fill memory with messages that nobody wants.
 */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import type { Logger } from '../ports/index.ts';
import { ANONYMOUS, type Caller, type CallMetadata, readBearerToken } from './call-context.ts';
import { toOutgoingStatus } from './grpc-error.ts';
import { peerConnectionOf } from './peer-connection.ts';

/** @throws ClusterError unauthenticated or forbidden */
export type Authenticate = (metadata: CallMetadata) => Caller | Promise<Caller>;

export interface ServerDoor {
  readonly interceptor: ServerInterceptor;
  /** Who was let in with these headers; undefined for open methods. */
  callerOf(metadata: Metadata): Caller | undefined;
}

/** `authenticatorOf`: undefined for methods that anybody may call. */
export function createServerDoor(
  authenticatorOf: (path: string) => Authenticate | undefined,
  logger: Logger,
): ServerDoor {
  const callers = new WeakMap<Metadata, Caller>();
  return {
    callerOf: (metadata) => callers.get(metadata),
    interceptor({ path }, call) {
      const authenticate = authenticatorOf(path);
      if (authenticate === undefined) return new ServerInterceptingCall(call);
      return new ServerInterceptingCall(call, {
        start(next) {
          next({
            onReceiveMetadata(metadata, letIn) {
              const shown = toCallMetadata(path, call, metadata);
              const admit = (caller: Caller): void => {
                if (caller !== ANONYMOUS) shown.connection?.prove(caller.principal);
                callers.set(metadata, caller);
                letIn(metadata);
              };
              const refuse = (error: unknown): void => call.sendStatus(toOutgoingStatus(error, logger, path));
              let caller: Caller | Promise<Caller>;
              try {
                caller = authenticate(shown);
              } catch (error) {
                return refuse(error);
              }
              if (caller instanceof Promise) caller.then(admit, refuse);
              else admit(caller);
            },
          });
        },
      });
    },
  };
}

function toCallMetadata(
  method: string,
  call: ServerInterceptingCallInterface,
  metadata: Metadata,
): CallMetadata {
  return {
    method,
    peer: call.getPeer(),
    connection: peerConnectionOf(call),
    get token() {
      return readBearerToken(metadata);
    },
    header(name) {
      const value = metadata.get(name)[0];
      return typeof value === 'string' ? value : undefined;
    },
  };
}
