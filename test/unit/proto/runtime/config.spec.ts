/**
 * Aim: sources win in order, problems are told at once, secrets stay hidden, and the reference follows the schema.
 * Method: one schema of every type under tables of sources.
 */
import t from 'tap';
import { defineConfig, renderConfigFlags } from '../../../../proto/runtime/config.ts';
import { parseDocument } from '../../../../proto/runtime/config-file.ts';
import { caught, caughtAsync } from '../../../kit/caught.ts';

const definition = defineConfig({
  listen: { type: 'text', default: '127.0.0.1:7350', env: 'NABLA_LISTEN', flag: 'listen', doc: 'address' },
  driver: {
    type: 'choice',
    choices: ['docker', 'process'],
    default: 'process',
    flag: 'driver',
    doc: 'driver',
  },
  volatile: { type: 'boolean', default: false, env: 'NABLA_VOLATILE', doc: 'allow it' },
  workers: {
    type: 'count',
    default: 2,
    min: 1,
    max: 64,
    env: 'NABLA_WORKERS',
    flag: 'workers',
    doc: 'workers',
  },
  grace: { type: 'duration', default: 30_000, min: 1000, max: 60_000, flag: 'grace', doc: 'grace' },
  cache: { type: 'bytes', default: 1024 ** 3, doc: 'cache' },
  names: { type: 'list', default: [], countMax: 2, env: 'NABLA_NAMES', doc: 'names' },
  labels: { type: 'map', default: {}, flag: 'labels', doc: 'labels' },
  token: { type: 'text', default: '', env: 'NABLA_TOKEN', secret: true, doc: 'token' },
});

t.test('defaults stand when nothing is said, and the result is frozen', async (t) => {
  const values = definition.load({});
  t.match(values, { listen: '127.0.0.1:7350', driver: 'process', workers: 2, grace: 30_000 });
  t.throws(() => Object.assign(values, { workers: 3 }));
  const driver: 'docker' | 'process' = values.driver;
  t.equal(driver, 'process', 'choices are typed');
});

t.test('default < file < environment < flag', async (t) => {
  const file = {
    workers: 3,
    listen: 'file',
    grace: '40s',
    cache: '2Gi',
    names: ['a'],
    labels: { zone: 'x' },
  };
  const env = { NABLA_WORKERS: '4', NABLA_LISTEN: 'env', NABLA_NAMES: 'b, c', NABLA_VOLATILE: 'true' };
  const flags = { workers: '5', labels: 'a=1,b=2' };
  t.match(definition.load({ file }), { workers: 3, listen: 'file', grace: 40_000, cache: 2 * 1024 ** 3 });
  t.match(definition.load({ file, env }), { workers: 4, listen: 'env', names: ['b', 'c'], volatile: true });
  t.match(definition.load({ file, env, flags }), { workers: 5, labels: { a: '1', b: '2' } });
  t.match(definition.load({ env: { NABLA_WORKERS: '' } }), { workers: 2 }, 'an empty variable says nothing');
});

t.test('all problems are told at once, with the place where each was said', async (t) => {
  const error = caught(() =>
    definition.load({
      file: { grace: 10, cache: '1G', unknown: 1, labels: 'x' },
      env: { NABLA_WORKERS: 'many', NABLA_NAMES: 'a,b,c', NABLA_VOLATILE: 'perhaps' },
      flags: { driver: 'podman' },
    }),
  );
  t.match(error, { kind: 'invalid', code: 'CONFIG_INVALID' });
  t.strictSame(error.fields.map((field) => field.path).sort(), [
    '--driver',
    'NABLA_NAMES',
    'NABLA_VOLATILE',
    'NABLA_WORKERS',
    'cache in the config file',
    'grace in the config file',
    'labels in the config file',
    'unknown in the config file',
  ]);
});

t.test('bounds are shown in the unit that people write', async (t) => {
  const error = caught(() => definition.load({ flags: { grace: '2m' } }));
  t.equal(error.fields[0]?.reason, 'must be between 1s and 1m');
  t.equal(definition.load({ flags: { grace: '1m' } }).grace, 60_000);
});

t.test('a file that is no map is refused', async (t) => {
  t.equal(caught(() => definition.load({ file: ['x'] })).fields[0]?.path, 'the config file');
  t.ok(definition.load({ file: null }));
});

t.test('secrets are not printed', async (t) => {
  const values = definition.load({ env: { NABLA_TOKEN: 'canary' } });
  t.equal(values.token, 'canary');
  t.notMatch(JSON.stringify(definition.redact(values)), /canary/);
  t.match(definition.redact(definition.load({})), { token: '', workers: 2 });
});

t.test('the help has every flag with its default, range and variable', async (t) => {
  const help = renderConfigFlags(definition.schema);
  t.match(help, /^ {2}--workers +workers \(default 2; 1 to 64; NABLA_WORKERS\)$/m);
  t.match(help, /default 30s; 1s to 1m/);
  t.match(help, /default process; docker, process/);
  const flags = Object.values(definition.schema).filter((key) => 'flag' in key);
  t.equal(help.trim().split('\n').length, flags.length);
});

t.test('documents: YAML, JSON, damage and bombs', async (t) => {
  t.strictSame(await parseDocument('a: 1\nb: [x]\n', 'f'), { a: 1, b: ['x'] });
  t.strictSame(await parseDocument('{"a": 1}', 'f'), { a: 1 });
  t.match(await caughtAsync(() => parseDocument('a: [1', 'f.yaml')), {
    code: 'DOCUMENT_MALFORMED',
    details: { file: 'f.yaml', reason: /line 1/ },
  });
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let level = 0; level < 8; level += 1) {
    const below = String.fromCharCode(97 + level);
    const name = String.fromCharCode(98 + level);
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${below}`).join(',')}]`);
  }
  t.match(await caughtAsync(() => parseDocument(bomb.join('\n'), 'f')), { code: 'DOCUMENT_MALFORMED' });
});
