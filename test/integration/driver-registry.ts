/**
 * An image registry on the loopback address, as far as a pull needs one (OCI distribution API v2): serves one made-up
 * image, or refuses, or never answers.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export type RegistryMood = 'serve' | 'missing' | 'denied' | 'silent';

export interface TestRegistry {
  /** `127.0.0.1:PORT`, which engines talk to without TLS. */
  readonly address: string;
  mood: RegistryMood;
  /** Paths asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

export async function openTestRegistry(): Promise<TestRegistry> {
  const blobs = new Map<string, Buffer>();
  const digest = (bytes: Buffer): string => {
    const name = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(name, bytes);
    return name;
  };
  // Not compressible, so that there is something to count.
  const noise = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919 + (at >> 3) * 31) & 255));
  const tar = makeTar('noise', noise);
  const layer = gzipSync(tar);
  const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [diffId] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: digest(config),
      },
      layers: [
        {
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          size: layer.length,
          digest: digest(layer),
        },
      ],
    }),
  );
  const manifestDigest = digest(manifest);
  const asked: string[] = [];
  const server: Server = createServer((req, res) => {
    const url = req.url ?? '';
    asked.push(url);
    if (registry.mood === 'silent' && url !== '/v2/') return;
    const found = url.includes('/manifests/') ? manifest : blobs.get(url.slice(url.lastIndexOf('/') + 1));
    const told = refusal(registry.mood, url) ?? (found === undefined ? NOTHING : undefined);
    if (found === undefined || told !== undefined) {
      answer(res, told ?? NOTHING);
      return;
    }
    res.setHeader('Docker-Content-Digest', url.includes('/manifests/') ? manifestDigest : '');
    res.writeHead(200, {
      'Content-Type': url.includes('/manifests/') ? MANIFEST_TYPE : 'application/octet-stream',
      'Content-Length': found.length,
    });
    res.end(req.method === 'HEAD' ? undefined : found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const registry: TestRegistry = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    mood: 'serve',
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return registry;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

const NOTHING: Answer = { status: 404, body: '{}' };

/** What the registry says instead of serving; undefined when it serves. */
function refusal(mood: TestRegistry['mood'], url: string): Answer | undefined {
  if (mood === 'denied') return { status: 401, body: toErrors('UNAUTHORIZED', 'authentication required') };
  if (url === '/v2/') return { status: 200, body: '{}' };
  if (mood === 'missing') return { status: 404, body: toErrors('MANIFEST_UNKNOWN', 'manifest unknown') };
  return undefined;
}

const toErrors = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });

function answer(res: ServerResponse, { status, body }: Answer): void {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(body);
}

/** One file in the ustar format. */
function makeTar(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
