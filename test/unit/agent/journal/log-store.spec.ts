/**
 * Aim: whatever is appended, read, crashed and resumed, readers get the exact bytes and offsets stay what they
 * were. Method: random sequences against a model; torn tails cut at every length; the cap at small limits.
 */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { OUTPUT_CURSOR_TEXT_MAX, type OutputChunk } from '../../../../agent/core/driver-port.ts';
import type { LogReadOptions, LogStore, TaskLog } from '../../../../agent/core/log-port.ts';
import { createLogStore } from '../../../../agent/journal/log-store.ts';
import { createClock } from '../../../../proto/runtime/clock.ts';
import { collectBytes, readFramedLog } from '../../../kit/framed-log.ts';

const NAME = 'job_1.1.0';
const clock = createClock();

/** Stores by folder: also those that a test has left as a crash would hold files open. */
const opened = new Map<string, LogStore[]>();

async function scratch(t: { teardown(close: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-log-'));
  const stores: LogStore[] = [];
  opened.set(folder, stores);
  t.teardown(async () => {
    for (const one of stores) await one.close();
    opened.delete(folder);
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

function store(folder: string, part: { headBytes?: number; tailBytes?: number; segmentBytes?: number } = {}) {
  const limits = { headBytes: 1 << 30, tailBytes: 1 << 30, segmentBytes: 4 << 20, ...part };
  const made = createLogStore({ folderOf: () => path.join(folder, 'log'), clock, limits });
  opened.get(folder)?.push(made);
  return made;
}

function chunk(text: string | Buffer, stdout: number, stream: 'stdout' | 'stderr' = 'stdout'): OutputChunk {
  const bytes = Buffer.from(text);
  return { stream, timeMs: 5, bytes, cursor: { stdout: stdout + bytes.length, stderr: 0, since: '' } };
}

async function read(log: TaskLog, options: LogReadOptions = {}) {
  const reading = await log.read(options);
  const bytes = await collectBytes(reading.pieces);
  return { offset: reading.offset, bytes, ...readFramedLog(bytes) };
}

t.test('a task that prints nothing has no file', async (t) => {
  const folder = await scratch(t);
  const log = store(folder).create(NAME);
  await log.finish();
  t.equal(log.bytes, 0);
  t.same(await readdir(folder), []);
  t.same(await collectBytes((await log.readWhole()).pieces), Buffer.alloc(0));
});

t.test('a little output of a short task stays in memory until it is archived', async (t) => {
  const folder = await scratch(t);
  const log = store(folder).create(NAME);
  await log.append([chunk('hello\n', 0)]);
  await log.finish();
  const whole = await log.readWhole();
  const bytes = await collectBytes(whole.pieces);
  t.equal(bytes.length, whole.bytes);
  t.equal(bytes.length, log.bytes);
  t.equal(readFramedLog(bytes).stdout.toString(), 'hello\n');
  t.same(await readdir(folder), []);
});

t.test('any sequence of appends, restarts and reads gives the exact bytes', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('append' as const),
      size: fc.integer({ min: 1, max: 3_000 }),
      byte: fc.nat(255),
    }),
    fc.record({ kind: fc.constant('restart' as const) }),
    fc.record({ kind: fc.constant('read' as const), at: fc.nat(20_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-log-'));
      try {
        let logs = store(folder, { segmentBytes: 4_000 });
        let log = await logs.recover(NAME);
        let model: Buffer = Buffer.alloc(0);
        let whole: Buffer = Buffer.alloc(0);
        for (const one of steps) {
          if (one.kind === 'append') {
            const bytes = Buffer.alloc(one.size, one.byte);
            await log.append([chunk(bytes, model.length)]);
            model = Buffer.concat([model, bytes]);
          } else if (one.kind === 'restart') {
            // What a crash takes from memory, the driver gives again from the cursor.
            await logs.close();
            logs = store(folder, { segmentBytes: 4_000 });
            log = await logs.recover(NAME);
            const missing = model.subarray(log.cursor.stdout);
            if (missing.length > 0) await log.append([chunk(missing, log.cursor.stdout)]);
          } else {
            const seen = await read(log, { offset: one.at });
            if (seen.offset === 0) whole = seen.bytes;
            else if (seen.offset < log.bytes && whole.length >= seen.offset) {
              const tail = (await read(log)).bytes;
              // The first frame may be a shortened one: compare what comes after it.
              if (!tail.subarray(tail.length - seen.bytes.length + 13).equals(seen.bytes.subarray(13)))
                return false;
            }
          }
        }
        const all = await read(log);
        await logs.close();
        return all.stdout.equals(model) && all.logicalBytes === log.bytes;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 60 },
  );
});

t.test('a torn tail is cut off, wherever it was torn', async (t) => {
  const folder = await scratch(t);
  let logs = store(folder);
  let log = logs.create(NAME);
  await log.append([chunk('first\n', 0)]);
  await log.read({});
  const afterFirst = log.bytes;
  await log.append([chunk('second\n', 6)]);
  await logs.close();
  const file = path.join(folder, 'log', '0000000000000000.seg');
  const whole = await readFile(file);
  const firstBytes = whole.length / 2 - 0.5;
  for (let length = whole.length - 1; length > Math.ceil(firstBytes); length -= 7) {
    await writeFile(file, whole);
    await truncate(file, length);
    logs = store(folder);
    log = await logs.recover(NAME);
    t.equal(log.bytes, afterFirst, `cut at ${length}`);
    t.same(log.cursor, { stdout: 6, stderr: 0, since: '' });
    t.equal((await read(log)).stdout.toString(), 'first\n');
    await logs.close();
  }
});

t.test('a flipped bit in the last batch drops that batch', async (t) => {
  const folder = await scratch(t);
  const logs = store(folder);
  const log = logs.create(NAME);
  await log.append([chunk('first\n', 0)]);
  await log.read({});
  await log.append([chunk('second\n', 6)]);
  await logs.close();
  const file = path.join(folder, 'log', '0000000000000000.seg');
  const bytes = await readFile(file);
  const at = bytes.indexOf('second');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const again = await store(folder).recover(NAME);
  t.equal((await read(again)).stdout.toString(), 'first\n');
});

t.test('resuming at any offset, also inside a frame, adds up', async (t) => {
  const log = store(await scratch(t)).create(NAME);
  await log.append([chunk('abcdef', 0)]);
  await log.append([chunk('ghij', 6)]);
  for (let offset = 0; offset <= log.bytes + 5; offset += 1) {
    const seen = await read(log, { offset });
    t.equal(seen.offset + seen.logicalBytes, Math.max(log.bytes, seen.offset), `from ${offset}`);
    t.ok('abcdefghij'.endsWith(seen.stdout.toString()), `from ${offset}`);
  }
  const inside = await read(log, { offset: 2 });
  t.equal(inside.stdout.toString(), 'cdefghij', 'two bytes of payload skipped');
});

t.test('a long log keeps head and tail and tells the gap', async (t) => {
  const logs = store(await scratch(t), { headBytes: 4_000, tailBytes: 6_000, segmentBytes: 1_000 });
  const log = logs.create(NAME);
  for (let index = 0; index < 400; index += 1) {
    await log.append([chunk(`${String(index).padStart(4, '0')}${'x'.repeat(195)}\n`, index * 200)]);
  }
  const all = await read(log);
  t.equal(all.logicalBytes, log.bytes, 'offsets still add up');
  t.ok(all.gapBytes > 50_000, `${all.gapBytes} bytes were dropped`);
  t.equal(all.stdout.subarray(0, 4).toString(), '0000');
  t.equal(all.stdout.subarray(-200, -196).toString(), '0399');
  t.ok(all.bytes.length < 32_000, 'bounded');
  await log.finish();
  const whole = await log.readWhole();
  t.equal((await collectBytes(whole.pieces)).length, whole.bytes, 'its size is known beforehand');
});

t.test('followers are told of new output and of the end', async (t) => {
  const log = store(await scratch(t)).create(NAME);
  await log.append([chunk('one\n', 0)]);
  const following = read(log, { follow: true });
  await log.append([chunk('two\n', 4)]);
  await log.append([chunk('err\n', 8, 'stderr')]);
  await log.finish();
  const seen = await following;
  t.equal(seen.stdout.toString(), 'one\ntwo\n');
  t.equal(seen.stderr.toString(), 'err\n');
});

t.test('a follower can leave while nothing happens', async (t) => {
  const log = store(await scratch(t)).create(NAME);
  const leaving = new AbortController();
  const following = read(log, { follow: true, signal: leaving.signal });
  leaving.abort();
  t.equal((await following).bytes.length, 0);
});

t.test('a dropped log fails readers that have not seen its end, and ends those that have', async (t) => {
  const logs = store(await scratch(t));
  const waiting = read(logs.create(NAME), { follow: true });
  await logs.drop(NAME);
  await t.rejects(waiting, { code: 'LOG_MOVED' }, 'more might have come');
  t.equal(logs.find(NAME), undefined);

  const log = logs.create(NAME);
  await log.append([chunk('all of it', 0)]);
  const whole = await log.read({ follow: true });
  const part = await log.read({ follow: true });
  await log.finish();
  const first = await whole.pieces[Symbol.asyncIterator]().next();
  t.equal(first.done, false);
  await logs.drop(NAME);
  t.same(await whole.pieces[Symbol.asyncIterator]().next(), { done: true, value: undefined });
  await t.rejects(part.pieces[Symbol.asyncIterator]().next(), { code: 'LOG_MOVED' });
});

t.test('the last lines', async (t) => {
  const log = store(await scratch(t), { segmentBytes: 60 }).create(NAME);
  await log.append([chunk('1\n2\n3\n', 0)]);
  await log.append([chunk('4\n', 6)]);
  await log.append([chunk('5\n6 without end', 8)]);
  const cases = [
    [0, ''],
    [1, '6 without end'],
    [2, '5\n6 without end'],
    [3, '4\n5\n6 without end'],
    [5, '2\n3\n4\n5\n6 without end'],
    [6, '1\n2\n3\n4\n5\n6 without end'],
    [99, '1\n2\n3\n4\n5\n6 without end'],
  ] as const;
  for (const [tailLines, want] of cases) {
    const seen = await read(log, { tailLines });
    t.equal(seen.stdout.toString(), want, `${tailLines} lines`);
    t.equal(seen.offset + seen.logicalBytes, log.bytes, 'offsets add up');
  }
});

t.test('output larger than a frame is cut, and nothing is lost', async (t) => {
  const log = store(await scratch(t)).create(NAME);
  const bytes = Buffer.alloc(300_000, 'line without end ');
  await log.append([chunk(bytes, 0)]);
  const seen = await read(log);
  t.ok(seen.stdout.equals(bytes));
  t.equal(seen.frames.length, Math.ceil(300_000 / 65_536));
});

t.test('the longest cursor of a driver survives a restart', async (t) => {
  const folder = await scratch(t);
  const written = chunk('text', 0);
  const since = 'c'.repeat(OUTPUT_CURSOR_TEXT_MAX);
  const log = store(folder).create(NAME);
  await log.append([{ ...written, cursor: { ...written.cursor, since } }]);
  const reading = (await log.read({})).pieces[Symbol.asyncIterator]();
  await reading.next();
  await reading.return?.();
  t.equal((await store(folder).recover(NAME)).cursor.since, since);
});
