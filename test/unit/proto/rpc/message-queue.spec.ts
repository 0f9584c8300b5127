/**
 * Aim: the queue is bounded, ends and fails as said, and lets a waiting reader leave at once. Method: scripted pushes
 * around one reader.
 */
import t from 'tap';
import { createMessageQueue } from '../../../../proto/rpc/message-queue.ts';
import { settle } from '../../../kit/sim-clock.ts';

async function readAll<T>(queue: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const message of queue) seen.push(message);
  return seen;
}

t.test('what is pushed is read in order, then it ends', async (t) => {
  const queue = createMessageQueue<number>({ capacity: 1000 });
  for (let index = 0; index < 500; index += 1) t.ok(queue.push(index));
  queue.end();
  t.notOk(queue.push(501), 'nothing after the end');
  t.strictSame(
    await readAll(queue),
    Array.from({ length: 500 }, (_, index) => index),
  );
});

t.test('it takes its capacity and not one more', async (t) => {
  const queue = createMessageQueue<number>({ capacity: 2 });
  t.strictSame([queue.push(1), queue.push(2), queue.push(3)], [true, true, false]);
  t.equal(queue.size, 2);
});

t.test('a writer waits for room', async (t) => {
  const queue = createMessageQueue<number>({ capacity: 1 });
  queue.push(1);
  let roomy = false;
  const waiting = queue.drained().then(() => {
    roomy = true;
  });
  await settle();
  t.notOk(roomy);
  const iterator = queue[Symbol.asyncIterator]();
  t.match(await iterator.next(), { value: 1 });
  await waiting;
  t.ok(roomy);
  await queue.drained();
});

t.test('a waiting reader gets what comes', async (t) => {
  const queue = createMessageQueue<string>({ capacity: 1 });
  const reading = readAll(queue);
  await settle();
  queue.push('a');
  await settle();
  queue.push('b');
  await settle();
  queue.end();
  t.strictSame(await reading, ['a', 'b']);
});

t.test('a failure drops what waits and reaches the reader', async (t) => {
  const queue = createMessageQueue<string>({ capacity: 4 });
  queue.push('lost');
  queue.fail(new Error('broken'));
  queue.end();
  await t.rejects(readAll(queue), /broken/);
});

t.test('a reader that waits can leave at once', async (t) => {
  const queue = createMessageQueue<string>({ capacity: 1 });
  const iterator = queue[Symbol.asyncIterator]();
  const pending = iterator.next();
  await iterator.return?.();
  t.match(await pending, { done: true });
  t.notOk(queue.push('x'), 'nobody reads any more');
});

t.test('two readers are a bug', async (t) => {
  const queue = createMessageQueue<string>({ capacity: 1 });
  queue[Symbol.asyncIterator]();
  t.throws(() => queue[Symbol.asyncIterator](), { code: 'QUEUE_READ_TWICE' });
});
