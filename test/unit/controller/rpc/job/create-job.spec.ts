/**
 * Aim: a request id meets its own request again, however its maps were written and whatever password it carries, and no
 * other. Method: requests are turned into commands and their content hashes compared; nothing is stored.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import t from 'tap';
import { toCreateJobCommand } from '../../../../../controller/rpc/job/create-job.ts';
import type { ServicePorts } from '../../../../../controller/rpc/service-ports.ts';
import { CreateJobRequestSchema, type JobSpecSchema } from '../../../../../proto/gen/nabla/v1/job_pb.ts';

const untouched = (): never => {
  throw new Error('a job without a workspace reads nothing');
};
const ports = {
  engine: { read: untouched },
  blobs: { stat: untouched },
  ids: { mint: (kind: string) => `${kind}_1` },
  seal: async () => new Uint8Array([1]),
} as unknown as ServicePorts;

async function hashOf(spec: MessageInitShape<typeof JobSpecSchema>, project = 'default'): Promise<string> {
  const whole = { image: 'busybox', ...spec };
  const request = create(CreateJobRequestSchema, { project, requestId: 'once', spec: whole });
  const command = await toCreateJobCommand(ports, request);
  return command.request?.contentHash ?? '';
}

const withPassword = (password: string) => ({ registry: { url: 'r.test', username: 'me', password } });

t.test('the same request has the same content, in whatever order its maps came', async (t) => {
  const one = await hashOf({ env: { A: '1', B: '2' }, constraints: { zone: 'a', rack: 'b' } });
  const other = await hashOf({ env: { B: '2', A: '1' }, constraints: { rack: 'b', zone: 'a' } });
  t.equal(one, other);
  t.match(one, /^[0-9a-f]{64}$/);
});

t.test('a password is no part of it', async (t) => {
  t.equal(await hashOf(withPassword('one')), await hashOf(withPassword('other')));
  t.not(
    await hashOf(withPassword('one')),
    await hashOf({ registry: { ...withPassword('one').registry, username: 'you' } }),
  );
});

t.test('other content, another project and another request differ', async (t) => {
  const all = await Promise.all([
    hashOf({}),
    hashOf({ env: { A: '1' } }),
    hashOf({ env: { A: '2' } }),
    hashOf({ command: { form: { case: 'shell', value: 'true' } } }),
    hashOf({ command: { form: { case: 'argv', value: { args: ['true'] } } } }),
    hashOf({}, 'other'),
  ]);
  t.equal(new Set(all).size, all.length);
});

t.test('a misspelt host is refused, unless hosts are waited for', async (t) => {
  const hosts = [{ id: 'host_1', name: 'gpu-7' }];
  const engine = { read: async (look: (view: unknown) => unknown) => look({ hosts: () => hosts }) };
  const ask = (excludeHosts: string[], waitForHosts = false) =>
    toCreateJobCommand(
      { ...ports, engine } as unknown as ServicePorts,
      create(CreateJobRequestSchema, { spec: { image: 'busybox', excludeHosts, waitForHosts } }),
    );
  await ask(['host_1', 'gpu-7']);
  await ask(['gpu-8'], true);
  await t.rejects(ask(['gpu-7', 'gpu-8']), {
    code: 'HOST_UNKNOWN',
    fields: [{ path: 'spec.excludeHosts', reason: 'names no known host: gpu-8' }],
  });
});
