/**
 * Aim: a flag means the same in every spelling, and a wrong one is refused by name. Method: a small command of the
 * test's own goes through the whole runner; what its run sees is compared.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { CommandSpec, CommandTree } from '../../../../cli/command/command-tree.ts';
import type { Field, Refusal } from '../../../../cli/command/field.ts';
import { type CliRunOptions, runCli } from '../cli-kit.ts';

const FIELDS: readonly Field[] = [
  { name: 'machineType', type: 'text', doc: 'd' },
  { name: 'image', type: 'text', aliases: ['container'], doc: 'd' },
  { name: 'follow', type: 'switch', short: 'f', doc: 'd' },
  { name: 'tty', type: 'switch', short: 't', doc: 'd' },
  { name: 'retries', type: 'integer', doc: 'd' },
  { name: 'ratio', type: 'number', doc: 'd' },
  { name: 'tag', type: 'list', aliases: ['tags'], doc: 'd' },
  { name: 'env', type: 'json-pairs', aliases: ['envVars'], doc: 'd' },
  { name: 'label', type: 'pairs', doc: 'd' },
  { name: 'path', type: 'text', repeatable: true, doc: 'd' },
  { name: 'stream', type: 'text', choices: ['stdout', 'stderr'], doc: 'd' },
  { name: 'password', type: 'text', secret: true, environment: 'THING_PASSWORD', doc: 'd' },
];
const REFUSED: readonly Refusal[] = [
  { name: 'isPublic', hint: 'use members', isSwitch: true },
  { name: 'tuningCommand', hint: 'use trials' },
];

interface Seen {
  values: Record<string, unknown>;
  thing: string;
  trailing: readonly string[] | undefined;
}

function thingTree(seen: Partial<Seen>): CommandTree {
  const command: CommandSpec = {
    path: ['things', 'make'],
    aliases: ['build'],
    summary: 'Make a thing',
    examples: ['nabla things make x'],
    arguments: [{ name: 'thing', doc: 'd', flags: ['id', 'thingId'], optional: true }],
    fields: FIELDS,
    refused: REFUSED,
    trailing: 'a command',
    output: 'text',
    local: true,
    async run(context) {
      const { values } = context;
      seen.values = Object.fromEntries(
        FIELDS.filter(({ name }) => values.given(name)).map(({ name, type, repeatable }) => {
          if (type === 'switch') return [name, values.flag(name)];
          if (type === 'integer' || type === 'number') return [name, values.number(name)];
          if (type === 'pairs' || type === 'json-pairs')
            return [name, Object.fromEntries(values.pairs(name))];
          return [name, type === 'list' || repeatable === true ? values.list(name) : values.text(name)];
        }),
      );
      seen.thing = context.argument('thing');
      seen.trailing = context.trailing;
      return 0;
    },
  };
  return {
    nouns: [{ name: 'things', group: 'work', summary: 'Things', load: async () => [command] }],
    refusedNouns: [{ name: 'notebooks', hint: 'use jobs' }],
    refusedVerbs: [{ path: ['things', 'break'], hint: 'mend it' }],
  };
}

async function make(words: readonly string[], options: CliRunOptions = {}) {
  const seen: Partial<Seen> = {};
  const run = await runCli(['things', 'make', ...words], { ...options, tree: thingTree(seen) });
  return { ...run, ...seen };
}

const ACCEPTED: readonly (readonly [string, readonly string[], Partial<Seen>])[] = [
  ['kebab-case', ['--machine-type', 'a'], { values: { machineType: 'a' } }],
  ['camelCase', ['--machineType', 'a'], { values: { machineType: 'a' } }],
  ['an equals sign', ['--machineType=a=b'], { values: { machineType: 'a=b' } }],
  ['the name of the older product', ['--container', 'img'], { values: { image: 'img' } }],
  ['the last of two', ['--image', 'a', '--container', 'b'], { values: { image: 'b' } }],
  ['a bare switch', ['--follow'], { values: { follow: true } }],
  ['a switch and true', ['--follow', 'true'], { values: { follow: true }, thing: '' }],
  ['a switch and false', ['--follow', 'false'], { values: { follow: false }, thing: '' }],
  ['a switch with =false', ['--follow=false'], { values: { follow: false } }],
  ['a switch and another word', ['--follow', 'yes'], { values: { follow: true }, thing: 'yes' }],
  ['grouped short switches', ['-ft'], { values: { follow: true, tty: true } }],
  ['a negative number', ['--retries', '-1'], { values: { retries: -1 } }],
  ['a fraction', ['--ratio', '.5'], { values: { ratio: 0.5 } }],
  [
    'comma and repetition, without repeats',
    ['--tag', 'b,a', '--tags', 'a, c'],
    { values: { tag: ['b', 'a', 'c'] } },
  ],
  ['pairs', ['--label', 'a=1', '--label', 'b=x=y'], { values: { label: { a: '1', b: 'x=y' } } }],
  ['a JSON object', ['--envVars', '{"A":"1","B":2}'], { values: { env: { A: '1', B: '2' } } }],
  ['a JSON object over a pair', ['--env', 'A=0', '--env', '{"A":"1"}'], { values: { env: { A: '1' } } }],
  ['texts in order', ['--path', 'a,b', '--path', 'c'], { values: { path: ['a,b', 'c'] } }],
  ['an argument by position', ['x'], { thing: 'x' }],
  ['an argument by flag', ['--id', 'x'], { thing: 'x' }],
  ['an argument by the longer flag', ['--thing-id=x'], { thing: 'x' }],
  ['words after --', ['x', '--', 'ls', '--follow', '-l'], { thing: 'x', trailing: ['ls', '--follow', '-l'] }],
  ['nothing after --', ['--'], { trailing: [] }],
  ['a value that begins with a dash', ['--image=-x'], { values: { image: '-x' } }],
  ['false to what is not there', ['--isPublic', 'false'], { thing: '' }],
];

t.test('flags are accepted in every documented spelling', async (t) => {
  for (const [name, words, want] of ACCEPTED) {
    const run = await make(words);
    t.equal(run.code, 0, `${name}: ${run.stderr}`);
    t.match(run, want, name);
  }
});

const REFUSALS: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  [
    'an unknown flag',
    ['--machin-type', 'a'],
    2,
    /unknown flag --machin-type.*\n.*did you mean --machine-type\?/,
  ],
  ['an unknown flag far from all', ['--zzzzzzzzz'], 2, /unknown flag --zzzzzzzzz[\s\S]*--help/],
  ['a missing value', ['--image'], 2, /--image needs a value/],
  ['a flag where a value belongs', ['--image', '--follow'], 2, /--image needs a value/],
  ['a switch with another value', ['--follow=yes'], 2, /--follow must be true or false/],
  ['letters for a number', ['--retries', 'many'], 2, /--retries must be a whole number/],
  ['a fraction for a whole number', ['--retries', '1.5'], 2, /--retries must be a whole number/],
  ['a value outside its choices', ['--stream', 'both'], 2, /must be one of stdout, stderr/],
  ['a pair without =', ['--label', 'a'], 2, /KEY=VALUE/],
  ['broken JSON', ['--env', '{"a":'], 2, /JSON object/],
  ['JSON with structure', ['--env', '{"a":{}}'], 2, /JSON object/],
  ['two arguments too many', ['x', 'y'], 2, /unexpected argument "y"/],
  ['a feature that is not there', ['--isPublic'], 10, /not available\n.*use members/],
  ['another, with a value', ['--tuning-command', 'x'], 10, /use trials/],
];

t.test('wrong flags are refused by name with the right code', async (t) => {
  for (const [name, words, code, message] of REFUSALS) {
    const run = await make(words);
    t.equal(run.code, code, name);
    t.match(run.stderr, message, name);
    t.equal(run.values, undefined, `${name}: nothing ran`);
  }
  const several = await make(['--retries', 'x', '--stream', 'y']);
  t.match(several.stderr, /--retries[\s\S]*--stream/, 'all problems are named at once');
});

t.test('wrong words get the nearest known one', async (t) => {
  const tree = thingTree({});
  t.match((await runCli(['thngs'], { tree })).stderr, /did you mean nabla things\?/);
  t.match((await runCli(['things', 'mkae'], { tree })).stderr, /did you mean nabla things make\?/);
  const refused = await runCli(['notebooks', 'create'], { tree });
  t.equal(refused.code, 10);
  t.match(refused.stderr, /hint: use jobs/);
  t.equal((await runCli(['things', 'break', '--now'], { tree })).code, 10);
  t.equal((await runCli(['things', 'build'], { tree })).code, 0, 'an alias of the verb runs it');
  t.equal((await runCli(['-o', 'json', 'things', 'make'], { tree })).code, 0, 'flags may come first');
});

t.test('-o json turns errors into one JSON object on stderr', async (t) => {
  const run = await make(['--retries', 'x', '-o', 'json']);
  const { error } = JSON.parse(run.stderr) as { error: Record<string, unknown> };
  t.match(error, { kind: 'invalid', code: 'FLAGS_INVALID', fields: [{ path: '--retries' }] });
  t.equal(run.stdout, '');
});

t.test('an options file gives flags and the command line wins', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-options-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'o.yaml');
  writeFileSync(
    file,
    'machineType: a\ncontainer: img\nenvVars: {A: 1}\ntag: [x, y]\nfollow: true\nretries: 3\nisPublic: false\npassword:\n',
  );
  const run = await make(['--optionsFile', file, '--retries', '5']);
  t.match(run.values, {
    machineType: 'a',
    image: 'img',
    env: { A: '1' },
    tag: ['x', 'y'],
    follow: true,
    retries: 5,
  });

  writeFileSync(file, 'machinType: a\n');
  t.match(
    (await make(['--options-file', file])).stderr,
    /unknown option machinType[\s\S]*did you mean machineType/,
  );
  writeFileSync(file, 'tuningCommand: a\n');
  t.equal((await make(['--options-file', file])).code, 10);
  writeFileSync(file, '- a\n');
  t.equal((await make(['--options-file', file])).code, 2);
  writeFileSync(file, 'a: [\n');
  t.match((await make(['--options-file', file])).stderr, /not valid YAML/);
  writeFileSync(file, 'image: [a, b]\n');
  t.match((await make(['--options-file', file])).stderr, /image: must be a single value/);
  t.equal((await make(['--options-file', join(folder, 'none')])).code, 4);

  const template = join(folder, 'template.yaml');
  const made = await make([
    '--create-options-file',
    template,
    '--machineType',
    'a',
    '--tag',
    'x',
    '--password',
    's3cret',
  ]);
  t.equal(made.code, 0);
  t.equal(made.values, undefined, 'the command does not run');
  const text = readFileSync(template, 'utf8');
  t.match(text, /machine-type: a[\s\S]*tag:\n {2}- x/);
  t.notMatch(text, /s3cret/, 'a secret is never written');
  t.equal(statSync(template).mode & 0o077, 0);
  t.equal((await make(['--create-options-file', template])).code, 5, 'a file is never overwritten');
  t.match(
    (await make(['--options-file', template])).values,
    { machineType: 'a' },
    'a template can be used as it is',
  );
});

t.test('secrets come from files, stdin or the environment, and a literal one earns a warning', async (t) => {
  const file = join(mkdtempSync(join(tmpdir(), 'nabla-secret-')), 's');
  writeFileSync(file, 'from-file\n');
  const literal = await make(['--password', 'plain']);
  t.match(literal, { values: { password: 'plain' }, stderr: /shows in the process list/ });
  t.match(await make(['--password', `@${file}`]), { values: { password: 'from-file' }, stderr: '' });
  t.match(await make(['--password', '-'], { stdin: 'from-stdin\n' }), { values: { password: 'from-stdin' } });
  const variables = { THING_PASSWORD: 'from-variable' };
  t.match(await make([], { variables }), { values: { password: 'from-variable' }, stderr: '' });
});
