/**
 * The connection behind a request, as far as telling who is at its other end: what certificate it presented, whose key
 * the handshake proved it to hold, and the means to cut it. Whether the certificate is any good is for others to say.
 */
import type { TLSSocket } from 'node:tls';
import type { Passage } from './connection-gate.ts';

export interface PeerConnection {
  /** IP address of the other end; empty when the connection is gone already. */
  readonly address: string;
  /** DER of the certificate that was presented, unchecked; undefined without one. */
  readonly certificate: Uint8Array | undefined;
  /** Somebody was let in over it: it is no stranger's any more. */
  prove(principal: string): void;
  /** Cuts the connection with everything on it. Idempotent. */
  destroy(): void;
  onClose(listener: () => void): void;
}

/** Where a socket carries its passage. A property, because grpc-js shows sockets behind proxies only. */
const PASSAGE = Symbol('nabla.passage');

interface Gated {
  [PASSAGE]?: Passage;
}

export function attachPassage(socket: TLSSocket, passage: Passage): void {
  (socket as Gated)[PASSAGE] = passage;
}

const known = new WeakMap<object, Uint8Array | 'none'>();

/** The same certificate is asked for by every request of a connection, and reading it copies it. */
function certificateOf(
  socket: Pick<TLSSocket, 'getPeerX509Certificate'>,
  itself: object,
): Uint8Array | undefined {
  const key = (socket as Gated)[PASSAGE] ?? itself;
  let certificate = known.get(key);
  if (certificate === undefined) {
    certificate = socket.getPeerX509Certificate?.()?.raw ?? 'none';
    known.set(key, certificate);
  }
  return certificate === 'none' ? undefined : certificate;
}

export function toPeerConnection(socket: TLSSocket): PeerConnection {
  return {
    address: socket.remoteAddress ?? '',
    get certificate() {
      return certificateOf(socket, socket);
    },
    prove: (principal) => (socket as Gated)[PASSAGE]?.prove(principal),
    destroy: () => void socket.destroy(),
    onClose: (listener) => void socket.once('close', listener),
  };
}

/** The parts of grpc-js's server call that lead to its connection. They are not public: a test pins them. */
interface CallWithStream {
  readonly stream?: {
    readonly session?: {
      readonly socket?: Pick<TLSSocket, 'remoteAddress' | 'getPeerX509Certificate'>;
      destroy(): void;
      once(event: 'close', listener: () => void): unknown;
    } | null;
  };
}

/**
 * The connection of a gRPC call. grpc-js hides certificates that it did not verify itself, and with them the reason why
 * one is refused (expired, revoked), which agents are to be told; so the socket is asked.
 */
export function peerConnectionOf(call: object): PeerConnection | undefined {
  const session = (call as CallWithStream).stream?.session;
  if (session === undefined || session === null) return undefined;
  const { socket } = session;
  return {
    address: socket?.remoteAddress ?? '',
    get certificate() {
      return socket === undefined ? undefined : certificateOf(socket, session);
    },
    prove: (principal) => (socket as Gated | undefined)?.[PASSAGE]?.prove(principal),
    destroy: () => session.destroy(),
    onClose: (listener) => void session.once('close', listener),
  };
}
