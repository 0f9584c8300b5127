/**
 * Aim: an operator takes a backup of a running cluster, restores it elsewhere and goes on there; status and check
 * tell the truth before and after; nobody else may do it. Method: the command line against a whole controller.
 */
import { cp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { SCHEMA_VERSION } from '../../controller/store/commit-log.ts';
import { DATA_KEYS_FOLDER } from '../../controller/store/data-keys.ts';
import { KEY_FILE } from '../../controller/store/open-engine.ts';
import { BACKUP_OMISSIONS } from '../../proto/domain/admin-views.ts';
import { AdminService } from '../../proto/gen/nabla/v1/admin_pb.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { caughtAsync } from '../kit/caught.ts';
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

t.test('backup, restore, check and status by the command line', async (t) => {
  const nabla = await runController(t, { durable: true });
  const run = cliOf(nabla);
  const base = nabla.folder;
  const beganMs = Date.now();
  await nabla.projects.createProject({ name: 'vision' });
  await nabla.secrets.setSecret({ project: 'vision', name: 'TOKEN', value: Buffer.from('hunter2') });

  const status = await run('admin', 'status', '-o', 'json');
  t.equal(status.code, 0, status.stderr);
  t.match(JSON.parse(status.stdout), { epoch: 1, recovering: false, diskState: 'roomy', jobs: 0, hosts: 0 });
  t.match((await run('admin', 'status')).stdout, /of 0 connected/);
  t.match(JSON.parse((await run('admin', 'version', '-o', 'json')).stdout), {
    clientVersion: '9.9.9',
    schemaVersion: SCHEMA_VERSION,
  });

  const file = join(base, 'a.backup');
  const backup = await run('admin', 'backup', file, '-o', 'json');
  t.equal(backup.code, 0, backup.stderr);
  t.match(JSON.parse(backup.stdout), { file, keyFiles: [KEY_FILE, DATA_KEYS_FOLDER] });
  t.match(backup.stderr, /secrets open only with/);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.notOk((await readFile(file)).includes('hunter2'));
  t.match(await run('admin', 'backup', file), { code: 5, stderr: /exists already/ });

  const check = await run('admin', 'fsck', '-o', 'json');
  t.match({ code: check.code, ...JSON.parse(check.stdout) }, { code: 0, ok: true, findings: [] });
  const inUse = await run('admin', 'fsck', '--data', nabla.folder);
  t.match(inUse, { code: 6, stderr: /in use by another controller/ });

  const data = join(base, 'restored');
  const restored = await run('admin', 'restore', file, '--data', data);
  t.match(restored, { code: 0, stdout: /secrets\.key: .*\n.*secret-keys: / }, restored.stderr);
  t.match(await run('admin', 'restore', file, '--data', data), { code: 6, stderr: /not empty/ });
  t.match(await run('admin', 'fsck', '--data', data), { code: 70, stdout: /SECRET_KEY_MISSING/ });
  for (const name of [KEY_FILE, DATA_KEYS_FOLDER]) {
    await cp(join(nabla.folder, 'controller', name), join(data, 'controller', name), { recursive: true });
  }
  t.match(await run('admin', 'fsck', '--data', data), { code: 0, stdout: /^sound: / });
  await writeFile(file, (await readFile(file)).subarray(1));
  t.match(await run('admin', 'restore', file, '--data', join(base, 'x')), {
    code: 2,
    stderr: /not a backup/,
  });

  const again = await runController(t, { durable: true, folder: data });
  const after = JSON.parse((await cliOf(again)('admin', 'status', '-o', 'json')).stdout) as Record<
    string,
    unknown
  >;
  t.match(after, { recovering: true, clusterId: nabla.controller.engine.clusterId });
  const epoch = Number(after['epoch']);
  t.ok(
    epoch > beganMs && epoch <= Date.now() + 1,
    'the epoch goes on at the time of the restore, one start later',
  );
  t.match(await again.projects.getProject({ project: 'vision' }), { project: { name: 'vision' } });
});

t.test('what a backup leaves out is named as it lies in the folder', async (t) => {
  const nabla = await runController(t, { durable: true });
  await nabla.secrets.setSecret({ name: 'A', value: Buffer.from('x') });
  for (const { name } of BACKUP_OMISSIONS) {
    t.ok(await stat(join(nabla.folder, 'controller', name)).catch(() => undefined), name);
  }
});

t.test('an agent may not take a backup', async (t) => {
  const nabla = await runController(t);
  const agent = createClient(AdminService, (await nabla.clientsOf('host_1')).channel);
  t.match(await caughtAsync(() => agent.status({})), { kind: 'forbidden' });
  t.match(await caughtAsync(() => agent.fsck({})), { kind: 'forbidden' });
});
