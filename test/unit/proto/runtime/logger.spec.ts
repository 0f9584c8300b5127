/**
 * Aim: log lines are JSON, bounded, and hold no secret. Method: a sink in memory, canaries under every kind of key,
 * and values that are hard to print.
 */
import fc from 'fast-check';
import t from 'tap';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import {
  createLogger,
  LOG_BACKLOG_BYTES_MAX,
  LOG_LINE_BYTES_MAX,
  type LogLevel,
} from '../../../../proto/runtime/logger.ts';
import { isSecretKey, redactValue } from '../../../../proto/runtime/redact.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

function createSink() {
  const lines: string[] = [];
  const sink = { writableLength: 0, write: (text: string) => lines.push(text) };
  return { lines, sink, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

const open = (level: LogLevel = 'debug') => {
  const memory = createSink();
  const logger = createLogger({ clock: createSimClock(), level, sink: memory.sink, process: 'controller' });
  return { ...memory, logger };
};

t.test('a line has time, level, process, component, message and fields', async (t) => {
  const { logger, lines, last } = open();
  logger.child('rpc').info('call ended', { method: '/x', tookMs: 3 });
  t.equal(lines.length, 1);
  t.match(lines[0], /\n$/);
  t.strictSame(last(), {
    method: '/x',
    tookMs: 3,
    time: '2026-01-01T00:00:00.000Z',
    level: 'info',
    process: 'controller',
    component: 'rpc',
    message: 'call ended',
  });
});

t.test('levels below the threshold are not written', async (t) => {
  const { logger, lines } = open('warn');
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  t.equal(lines.length, 2);
});

t.test('components are a closed set', async (t) => {
  t.throws(() => open().logger.child('anything'), { code: 'LOG_COMPONENT_UNKNOWN' });
});

t.test('fields never overwrite the head', async (t) => {
  const { logger, last } = open();
  logger.info('real', { message: 'forged', level: 'forged', time: 'forged' });
  t.match(last(), { message: 'real', level: 'info' });
});

const SECRET_FIELDS = {
  token: 'canary',
  adminToken: 'canary',
  password: 'canary',
  registryPassword: 'canary',
  secret: 'canary',
  secretValues: new Map([['a', 'canary']]),
  authorization: 'Bearer canary',
  cookie: 'canary',
  apiKey: 'canary',
  privateKeyPem: 'canary',
  keyPem: 'canary',
  ticket: 'canary',
  env: { HOME: 'canary' },
  nested: { deep: [{ PASSWORD: 'canary' }] },
  bytes: Buffer.from('canary'),
};

t.test('no secret passes under any name', async (t) => {
  const { logger, lines } = open();
  logger.error('failed', SECRET_FIELDS);
  logger.error('failed', {
    error: new ClusterError('invalid', 'X', 'bad', { details: { token: 'canary' } }),
  });
  t.notMatch(lines.join(''), /canary/);
  for (const key of ['secretId', 'secretIds', 'tokenName', 'passwordFile', 'jobId', 'key', 'keyCount']) {
    t.notOk(isSecretKey(key), key);
  }
});

t.test('errors show kind, code, hint and cause; only faults of ours show a stack', async (t) => {
  const { logger, last } = open();
  const cause = Object.assign(new Error('low level'), { code: 'ECONNREFUSED' });
  logger.warn('x', {
    error: new ClusterError('unavailable', 'DOWN', 'it is down', { hint: 'start it', cause }),
  });
  t.match(last(), {
    error: { kind: 'unavailable', code: 'DOWN', hint: 'start it', cause: { code: 'ECONNREFUSED' } },
  });
  t.equal((last()['error'] as Record<string, unknown>)['stack'], undefined);
  logger.error('x', { error: new ClusterError('bug', 'OOPS', 'a bug') });
  t.match(last(), { error: { stack: /OOPS|a bug/ } });
});

t.test('long values and lines are cut', async (t) => {
  const { logger, lines, last } = open();
  logger.info('long', { text: 'x'.repeat(1_000_000) });
  t.match(last()['text'], /^x+… \(1000000 characters\)$/);
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'y'.repeat(2000)]));
  logger.info('wide', many);
  t.ok(Buffer.byteLength(lines.at(-1) ?? '') <= LOG_LINE_BYTES_MAX);
  t.match(last(), { message: 'wide', cutFields: ['k0'] });
});

t.test('when the stream cannot take more, lines are dropped, counted and told', async (t) => {
  const { logger, lines, sink } = open();
  sink.writableLength = LOG_BACKLOG_BYTES_MAX + 1;
  logger.info('lost');
  logger.info('lost');
  t.equal(lines.length, 0);
  sink.writableLength = 0;
  logger.info('back');
  t.equal(lines.length, 2);
  t.match(JSON.parse(lines[0] ?? ''), { message: 'log lines were dropped', dropped: 2 });
});

t.test('any value can be logged', async (t) => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  t.doesNotThrow(() => JSON.stringify(redactValue(loop)));
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withMap: true, withTypedArray: true, withDate: true }),
      (value) => {
        JSON.stringify(redactValue(value));
      },
    ),
  );
});
