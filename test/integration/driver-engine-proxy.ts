/**
 * A proxy in front of the Docker engine's socket that can lose answers, cut connections and go away: the faults of a
 * real engine, on demand. It also keeps what was asked, so that requests can be looked at.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

/** What happens to a request; `pass` when the chooser says nothing. */
export type Fault =
  | { readonly kind: 'pass' }
  /** The engine does it, and the answer never arrives. */
  | { readonly kind: 'lose-answer' }
  /** Nothing ever comes back. */
  | { readonly kind: 'hang' }
  /** The connection breaks after so many bytes of the answer. */
  | { readonly kind: 'cut'; readonly afterBytes: number };

export interface EngineProxy {
  readonly socketPath: string;
  readonly asked: Asked[];
  choose: (asked: Asked) => Fault | undefined;
  close(): Promise<void>;
  open(): Promise<void>;
}

export async function openEngineProxy(socketPath: string, enginePath: string): Promise<EngineProxy> {
  const sockets = new Set<Socket>();
  let server: Server;
  const proxy: EngineProxy = {
    socketPath,
    asked: [],
    choose: () => undefined,
    async open() {
      server = createServer((req, res) => void handle(proxy, enginePath, req, res));
      server.on('connection', (socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      server.on('upgrade', (req, socket: Socket, head) => tunnel(enginePath, req, socket, head));
      await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  await proxy.open();
  return proxy;
}

async function handle(
  proxy: EngineProxy,
  enginePath: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const asked = { method: req.method ?? '', url: req.url ?? '', body: body.toString() };
  proxy.asked.push(asked);
  const fault = proxy.choose(asked) ?? { kind: 'pass' };
  if (fault.kind === 'hang') return;
  const onward = request({
    socketPath: enginePath,
    method: asked.method,
    path: asked.url,
    headers: req.headers,
  });
  onward.on('error', () => res.destroy());
  res.on('close', () => onward.destroy());
  onward.on('response', (answer) => {
    if (fault.kind === 'lose-answer') {
      answer.resume();
      answer.on('end', () => res.destroy());
      return;
    }
    res.writeHead(answer.statusCode ?? 500, answer.headers);
    res.flushHeaders();
    let sent = 0;
    answer.on('data', (chunk: Buffer) => {
      sent += chunk.length;
      res.write(chunk);
      if (fault.kind === 'cut' && sent >= fault.afterBytes) res.destroy();
    });
    answer.on('end', () => res.end());
    answer.on('error', () => res.destroy());
  });
  onward.end(body);
}

function tunnel(enginePath: string, req: IncomingMessage, socket: Socket, head: Buffer): void {
  const onward = connect(enginePath, () => {
    const headers = req.rawHeaders.reduce(
      (text, word, at) => text + word + (at % 2 === 0 ? ': ' : '\r\n'),
      '',
    );
    onward.write(`${req.method} ${req.url} HTTP/1.1\r\n${headers}\r\n`);
    onward.write(head);
    socket.pipe(onward).pipe(socket);
  });
  for (const side of [socket, onward]) {
    side.on('error', () => {
      socket.destroy();
      onward.destroy();
    });
  }
}
