/**
 * Aim: an operator lets hosts in, empties them and takes them out by the command line, and reads there what became of
 * it. Method: the command line against a whole controller with scripted hosts.
 */
import t from 'tap';
import { eventually } from '../kit/eventually.ts';
import { caPinOf, joinWith } from '../kit/host-identities.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';
import { type CliRun, runCli } from '../unit/cli/cli-kit.ts';

function cliOf(nabla: RunningController): (...argv: string[]) => Promise<CliRun> {
  const variables = {
    NABLA_URL: nabla.target.grpcAddress,
    NABLA_TOKEN: nabla.adminToken,
    NABLA_CA_FILE: nabla.controller.caFile,
  };
  return (...argv) => runCli(argv, { variables });
}

t.test('the printed command holds what a host needs, and its token works once', async (t) => {
  const nabla = await runController(t);
  const run = cliOf(nabla);
  const { grpcAddress, caPem } = nabla.target;
  const plain = await run('hosts', 'join-token', '--ttl', '5m', '--name', "o'neill 1");
  const pin = caPinOf(caPem);
  const line =
    /^NABLA_JOIN_TOKEN=(\S+) nabla-agent join --controller https:\/\/(\S+) --ca-sha256 (\S+) (.*)\n$/;
  const [, token = '', address, shown, rest] = line.exec(plain.stdout) ?? [];
  t.same([address, shown, rest], [grpcAddress, pin, `--name 'o'\\''neill 1' --token-file env`], plain.stdout);
  t.match(plain.stderr, /good once, until 20/);
  t.notMatch(plain.stderr, token);
  await joinWith({ grpcAddress, caPem }, token, { hostName: "o'neill 1" });
  const json = JSON.parse((await run('hosts', 'join-token', '-o', 'json')).stdout) as Record<string, string>;
  t.match(json, { caSha256: pin, controller: `https://${grpcAddress}`, command: / join --controller / });
  t.match(await run('hosts', 'join-token', '--ttl', '2h'), { code: 2, stderr: /between 1 s and 1 h/ });
  t.match(await run('hosts', 'join-token', '--ttl', 'soon'), { code: 2, stderr: /flag --ttl/ });
  t.match(await run('hosts', 'join-token', '--host', 'nobody'), { code: 4 });
});

t.test('cordon, drain, revoke and remove, as the list shows them', async (t) => {
  const nabla = await runController(t);
  const run = cliOf(nabla);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const spec = { command: { form: { case: 'shell' as const, value: 'true' } } };
  await nabla.jobs.createJob({ project: 'default', spec });
  await eventually(() => agent.tasks.size === 1);
  const cordoned = await run('hosts', 'cordon', 'host-1', '--reason', 'fan 3', '-o', 'json');
  t.match(JSON.parse(cordoned.stdout), { cordon: { reason: 'fan 3', createdBy: 'user:admin' }, drain: null });
  t.match((await run('hosts', 'list')).stdout, /ready, cordoned/);
  t.match((await run('hosts', 'list', '--filter', 'cordon.reason=fan 3', '-o', 'id')).stdout, /^host_1\n$/);
  t.match((await run('hosts', 'show', 'host-1')).stdout, /CORDONED FOR\s+fan 3/);
  t.match(await run('hosts', 'remove', 'host-1'), { code: 6, stderr: /still holds tasks/ });
  t.match(await run('hosts', 'drain', 'host-1', '--deadline', '91d'), { code: 2 });
  await run('hosts', 'drain', 'host-1', '--deadline', '2h');
  t.match((await run('hosts', 'list')).stdout, /ready, draining/);
  await run('hosts', 'drain', 'host-1', '--mode', 'stop');
  const drained = async (): Promise<boolean> => /ready, drained/.test((await run('hosts', 'list')).stdout);
  await eventually(drained, { what: 'an empty host' });
  t.match((await run('hosts', 'uncordon', 'host-1', '-o', 'json')).stdout, /"cordon": null/);
  t.match(await run('hosts', 'revoke', 'host-1', '--reason', 'sold'), { code: 0, stderr: /revoked/ });
  t.match((await run('hosts', 'list')).stdout, /revoked/);
  t.match(await run('hosts', 'remove', 'host-1', '--force'), { code: 0, stderr: /removed host host_1/ });
  t.match(await run('hosts', 'show', 'host-1'), { code: 4 });
  t.match((await run('events', '--subject', 'host_1')).stdout, /host-removed/);
});
