/**
 * Aim: a name is a name: whatever characters it has, no shell runs it, no path follows it, no terminal obeys it and
 * no page renders it; and what can never run is refused by its flag.
 * Method: jobs with hostile names are made, shown, listed and used, with both drivers where there is an engine.
 */
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { requireDocker } from '../../kit/docker/index.ts';
import type { Cli } from '../acceptance/cli-process.ts';
import { openCluster } from '../acceptance/live-processes.ts';

const OWNED = '/tmp/nabla-owned-by-name';
const NAMES = [
  `"; touch ${OWNED}; #`,
  `$(touch ${OWNED})`,
  `\`touch ${OWNED}\``,
  '../../../../tmp/nabla-owned-by-name',
  '<script>alert(1)</script>&amp;',
  "it's | a > name && more",
  '--help',
  '%s%n{{name}}',
  'ünïcödé 名前 🚀',
];
const REFUSED = ['red\u001b[31m', 'two\nlines', 'tab\there', '\u202egnp.exe', 'bell\u0007'];

async function checkNames(
  t: Test,
  cli: Cli,
  { names, extra }: { readonly names: readonly string[]; readonly extra: readonly string[] },
): Promise<void> {
  const line = 'cat $NABLA_RUN/job.json';
  const ids = await Promise.all(
    names.map((name) => cli.submit([`--name=${name}`, ...extra, '--command', line])),
  );
  t.equal((await cli.run(['jobs', 'wait', ...ids])).code, 0);
  const listed = await cli.json<readonly { id: string; name: string; state: string }[]>(['jobs', 'list']);
  for (const [index, id] of ids.entries()) {
    const job = listed.find((row) => row.id === id);
    t.equal(job?.name, names[index], 'the name is kept as it is');
    t.equal(job?.state, 'succeeded');
  }
  t.notOk(existsSync(OWNED), 'and nobody ran or followed it');
  const inJob = await cli.run(['jobs', 'logs', ids[0] ?? '']);
  t.equal((JSON.parse(inJob.stdout) as { name: string }).name, names[0], 'it is quoted in files, too');
  t.equal((await cli.run(['jobs', 'show', names[0] ?? '', '-o', 'id'])).stdout, `${ids[0]}\n`);
}

t.test('hostile names of processes', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  await checkNames(t, cli, { names: NAMES, extra: [] });

  await t.test('what would drive a terminal is refused', async (t) => {
    for (const name of REFUSED) {
      const end = await cli.run(['jobs', 'create', `--name=${name}`, '--', 'true']);
      t.equal(end.code, 2, JSON.stringify(name));
      t.match(end.stderr, /--name must not hold control characters/);
      t.notMatch(end.stderr, /[\u001b\u0007\u202e]/);
    }
    const long = await cli.run(['jobs', 'create', '--name', 'x'.repeat(10_000), '--', 'true']);
    t.equal(long.code, 2);
    t.match(long.stderr, /--name must be at most \d+ characters/);
  });

  await t.test('a command that is not there', async (t) => {
    const end = await cli.run(['jobs', 'run', '--', 'no-such-program']);
    t.equal(end.code, 125);
    t.match(end.stderr, /the command was not found or cannot be run/);
    const folder = await cli.run(['jobs', 'run', '--working-directory', 'absent', '--', 'true']);
    t.equal(folder.code, 125);
    t.match(folder.stderr, /working directory|folder/);
  });

  await t.test('wrong values are told by their flags', async (t) => {
    const rows = [
      { args: ['--memory', '1Gb'], says: /--memory/ },
      { args: ['--time-limit', '4 hours'], says: /--time-limit/ },
      { args: ['--gpus', '-1'], says: /--gpus/ },
      { args: ['--gpus', '1.5'], says: /--gpus/ },
      { args: ['--env', 'NOVALUE'], says: /--env/ },
      { args: ['--ports', '99999'], says: /--ports/ },
      { args: ['--retries', 'many'], says: /--retries/ },
      { args: ['--priority', '1001'], says: /--priority/ },
      { args: ['--retires', '1'], says: /did you mean --retries/ },
    ];
    for (const { args, says } of rows) {
      const end = await cli.run(['jobs', 'run', ...args, '--', 'true']);
      t.equal(end.code, 2, `${args.join(' ')}: ${end.stderr}`);
      t.match(end.stderr, says);
    }
    const nothing = await cli.run(['jobs', 'run']);
    t.equal(nothing.code, 2, 'a job without a command');
  });
});

t.test('hostile names of containers', { timeout: 120_000 }, async (t) => {
  const images = await requireDocker(t, { needs: ['busybox'] });
  if (images === undefined) return;
  const { cli } = await openCluster(t, { driver: 'docker' });
  await checkNames(t, cli, { names: NAMES.slice(0, 4), extra: ['--image', images.busybox] });
});
