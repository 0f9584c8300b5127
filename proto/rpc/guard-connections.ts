/**
 * Puts the gate before a TLS listener: sockets wait with it for their turn, and every connection that finished its
 * handshake carries its passage, so that the first call that is let in over it can say so.
 */
import type { Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { ConnectionGate, Passage } from './connection-gate.ts';
import { attachPassage } from './peer-connection.ts';

/**
 * Node documents that its `connection` event may be emitted by others, so the server's own listeners take what the gate
 * lets through.
 *
 * @returns Cuts every connection of this server whose handshake is not finished.
 */
export function guardConnections(server: TlsServer, gate: ConnectionGate): () => void {
  const shakeHands = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const entered = new Map<string, Passage>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    // Gone again already.
    if (remoteAddress === undefined) return void socket.destroy();
    // While it waits, nobody else listens.
    socket.on('error', () => undefined);
    const passage = gate.enter(remoteAddress, {
      begin() {
        for (const listener of shakeHands) listener.call(server, socket);
      },
      cut: () => void socket.destroy(),
    });
    if (passage === undefined) return void socket.resetAndDestroy();
    const name = endsOf(socket);
    entered.set(name, passage);
    socket.once('close', () => {
      passage.leave();
      if (entered.get(name) === passage) entered.delete(name);
    });
  });
  // Both sockets stand for one connection, and nothing public leads from the one to the other but its ends.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const name = endsOf(socket);
    const passage = entered.get(name);
    if (passage === undefined) return;
    entered.delete(name);
    socket.once('close', () => passage.leave());
    attachPassage(socket, passage);
    passage.handshaken();
  });
  return () => {
    for (const passage of entered.values()) passage.cut();
  };
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
