/**
 * Everything that is read out of bytes at rest or in a stream: frames of logs and of exec sessions, the journal, the
 * store's values, backups, workspace archives.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrameParser, toLogEntry } from '../../agent/driver/docker/log-frames.ts';
import { parseRunFile } from '../../agent/driver/process/run-file.ts';
import { parseExecStart, parseResize, readExecFrames } from '../../agent/ingress/exec-frames.ts';
import { decodeValue, encodeValue } from '../../agent/journal/journal-codec.ts';
import { decodeLastMark, encodeBatch, scanSegment } from '../../agent/journal/log-mark.ts';
import { unpackArchive } from '../../agent/storage/unpack-archive.ts';
import { readLogFrames } from '../../controller/rpc/logs/log-frames.ts';
import { readArchive } from '../../controller/store/archive-file.ts';
import { decodeEntry, decodeRow, encodeRow, sealBytes } from '../../controller/store/codec.ts';
import { crc32c } from '../../controller/store/crc32c.ts';
import { encodeExecFrame, encodeGapFrame, encodeLogFrame } from '../../proto/domain/frame.ts';
import type { SplittableRng } from '../../proto/runtime/rng.ts';
import { rawZip } from '../e2e/bad-input/raw-zip.ts';
import { type FuzzTarget, textTarget } from './fuzz-target.ts';

async function* inPieces(input: Uint8Array): AsyncGenerator<Uint8Array> {
  // Frames must not depend on how a stream was cut.
  const size = 1 + ((input[0] ?? 0) % 97);
  for (let at = 0; at < input.length; at += size) yield input.subarray(at, at + size);
}

async function drain(source: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const each of source) if (each !== undefined) count += 1;
  return count;
}

function someText(rng: SplittableRng): Buffer {
  return Buffer.from('line of output\n'.repeat(rng.integer(8)));
}

const logFrames = (rng: SplittableRng): Uint8Array =>
  Buffer.concat(
    Array.from({ length: 1 + rng.integer(6) }, () =>
      rng.integer(5) === 0
        ? encodeGapFrame(rng.integer(1_000_000))
        : encodeLogFrame({
            kind: rng.integer(2) === 0 ? 'stdout' : 'stderr',
            timeMs: rng.integer(2 ** 40),
            payload: someText(rng),
          }),
    ),
  );

const EXEC_KINDS = ['start', 'stdin', 'stdinEof', 'resize', 'signal', 'exit', 'error'] as const;
const EXEC_PAYLOADS = [
  '{"argv":["sh"],"tty":true,"rows":24,"columns":80,"env":{"A":"1"}}',
  '{"rows":1,"columns":2}',
  'INT',
  '',
];

function execFrames(rng: SplittableRng): Uint8Array {
  const one = (): Uint8Array =>
    encodeExecFrame(
      EXEC_KINDS[rng.integer(EXEC_KINDS.length)] ?? 'stdin',
      Buffer.from(EXEC_PAYLOADS[rng.integer(EXEC_PAYLOADS.length)] ?? ''),
    );
  return Buffer.concat(Array.from({ length: 1 + rng.integer(5) }, one));
}

async function readExec(input: Uint8Array): Promise<void> {
  for await (const frame of readExecFrames(inPieces(input))) {
    if (frame.kind === 'start') parseExecStart(frame);
    if (frame.kind === 'resize') parseResize(frame.payload);
  }
}

function engineFrames(rng: SplittableRng): Uint8Array {
  const one = (): Buffer => {
    const payload = Buffer.from('2026-11-23T10:00:00.123456789Z some output\n');
    const header = Buffer.alloc(8);
    header[0] = 1 + rng.integer(2);
    header.writeUInt32BE(payload.length, 4);
    return Buffer.concat([header, payload]);
  };
  return Buffer.concat(Array.from({ length: 1 + rng.integer(5) }, one));
}

function readEngine(input: Uint8Array): void {
  for (const { payload } of createFrameParser().push(input)) toLogEntry(payload);
}

const ROWS: readonly unknown[] = [
  { v: 1, id: 'job_1', state: 'queued', attempts: [] },
  { v: 1, seq: 3, epoch: 1, chainHash: '00'.repeat(32) },
  'text',
  null,
];

/** A sealed value whose checksum holds whatever is in it: what only a former version, or malice, could write. */
function resealed(input: Uint8Array): Uint8Array {
  return sealBytes('s/job/job_1', input);
}

function readStored(input: Uint8Array): void {
  decodeRow('s/job/job_1', input);
}

/** The entry's body is the input, its checksum right. */
function toEntry(input: Uint8Array): Uint8Array {
  const value = Buffer.concat([Buffer.alloc(4), Buffer.alloc(32), input]);
  value.writeUInt32BE(crc32c(value.subarray(4)), 0);
  return value;
}

const ARCHIVE_LINE = Buffer.from('nabla-store-archive 1\n');

/** Blocks whose checksums hold. The input is split at its first bytes. */
function toArchive(input: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [ARCHIVE_LINE];
  const contents = [input.subarray(0, input.length / 2), input.subarray(input.length / 2)];
  for (const [index, content] of contents.entries()) {
    const body = Buffer.concat([Uint8Array.of(index === 0 ? 1 : 1 + ((content[0] ?? 0) % 5)), content]);
    const header = Buffer.alloc(8);
    header.writeUInt32BE(body.length, 0);
    header.writeUInt32BE(crc32c(body), 4);
    blocks.push(header, body);
  }
  return Buffer.concat(blocks);
}

const JSON_TEXTS = [
  '{"v":1,"seq":1,"epoch":1,"t":0,"p":"user:a","e":{"type":"x"}}',
  '{"format":1,"head":{"seq":1}}',
  '[]',
  '""',
  '{',
];

/** Unpacks into a folder of its own and sees that nothing landed beside it. */
async function unpack(input: Uint8Array): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'nabla-fuzz-'));
  try {
    const file = join(base, 'a.zip');
    writeFileSync(file, input);
    const refusal = await unpackArchive(file, join(base, 'target'), { limits: ZIP_LIMITS }).catch(
      (error: unknown) => error,
    );
    const strays = readdirSync(base).filter((name) => name !== 'a.zip' && name !== 'target');
    if (strays.length > 0) throw new Error(`something landed beside the folder: ${strays.join(' ')}`);
    if (refusal !== undefined) throw refusal;
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const ZIP_LIMITS = {
  entriesMax: 64,
  totalBytesMax: 4 * 1024 * 1024,
  ratioMax: 200,
  ratioFreeBytes: 1024 * 1024,
  nameBytesMax: 256,
  depthMax: 8,
};

/** File, link, folder, device, set-id. */
const MODES = [0o100644, 0o100644, 0o120777, 0o040755, 0o020666, 0o104755];

function zips(rng: SplittableRng): Uint8Array {
  const names = ['a.txt', 'dir/b.txt', 'dir/', '../up', '/abs', 'a\\b', 'dir/../c', 'CON', 'x'.repeat(300)];
  const count = 1 + rng.integer(4);
  return rawZip(
    Array.from({ length: count }, () => ({
      name: names[rng.integer(rng.integer(2) === 0 ? 2 : names.length)] ?? 'a',
      data: someText(rng),
      mode: MODES[rng.integer(MODES.length)] ?? 0,
      ...(rng.integer(6) === 0 ? { claimedBytes: rng.integer(2 ** 31) } : {}),
    })),
  );
}

export const FILE_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'log frames of an agent',
    weight: 20,
    make: logFrames,
    run: (input) => drain(readLogFrames(inPieces(input), { start: 0 })),
  },
  {
    name: 'log segments on a host',
    weight: 20,
    make: (rng) =>
      encodeBatch(
        [
          {
            stream: 'stdout',
            timeMs: rng.integer(2 ** 40),
            bytes: someText(rng),
            cursor: { stdout: rng.integer(100), stderr: 0, since: 'x' },
          },
        ],
        0,
      ).bytes,
    run: (input) => [scanSegment(Buffer.from(input), 0), decodeLastMark(Buffer.from(input))],
  },
  { name: 'exec frames', weight: 20, make: execFrames, run: readExec },
  { name: 'log frames of a Docker engine', weight: 20, make: engineFrames, run: readEngine },
  textTarget('journal values', 20, ROWS.map(encodeValue), decodeValue),
  textTarget(
    'run files of tasks',
    20,
    [
      '{"version":1,"name":"job_1.1.0","mounts":[]}\n1 1 (sh) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 99 0\nexit=3\n',
    ],
    parseRunFile,
  ),
  {
    name: 'stored rows',
    weight: 20,
    make: (rng) => encodeRow('s/job/job_1', ROWS[rng.integer(ROWS.length)]),
    run: readStored,
  },
  textTarget('stored rows with a right checksum', 10, JSON_TEXTS, (text) =>
    readStored(resealed(Buffer.from(text))),
  ),
  textTarget('stored events with a right checksum', 10, JSON_TEXTS, (text) =>
    decodeEntry(1, toEntry(Buffer.from(text))),
  ),
  textTarget('backups with right checksums', 6, JSON_TEXTS, (text) =>
    drain(readArchive(inPieces(toArchive(Buffer.from(text))))),
  ),
  {
    name: 'workspace archives',
    weight: 1,
    make: zips,
    run: unpack,
    words: ['PK\u0003\u0004', 'PK\u0001\u0002', 'PK\u0005\u0006', '../'],
  },
];
