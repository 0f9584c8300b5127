/**
 * Aim: what the Docker engine is asked for is exactly what the plan says: limits, devices by UUID, nothing that a user
 * could widen. Method: whole requests are compared, then one case per rule.
 */
import t from 'tap';
import type { TaskPlan } from '../../../../../agent/core/driver-port.ts';
import {
  type ContainerChoices,
  fromLabels,
  toContainerName,
  toContainerOptions,
} from '../../../../../agent/driver/docker/container-plan.ts';
import type { GpuUuid, HostId, JobId } from '../../../../../proto/domain/ids.ts';

const MIB = 1024 * 1024;
const HOST = 'host_0123456789abcdefghjk' as HostId;
const PLAN: TaskPlan = {
  key: { jobId: 'job_a1' as JobId, attempt: 2, task: 3 },
  clusterId: 'cluster',
  hostId: HOST,
  projectId: 'prj_p',
  specHash: 'hash',
  epoch: 4,
  generation: 5,
  image: 'image:1',
  user: '',
  command: { kind: 'argv', args: ['python', '-c', 'x'] },
  env: new Map([['A', 'b']]),
  workingDirectory: '/workspace',
  mounts: [{ source: '/srv/w', target: '/workspace', readOnly: false }],
  cpuMilli: 1500,
  memoryBytes: 100 * MIB,
  shmBytes: 0,
  processesMax: 64,
  gpuUuids: [],
  gpusSimulated: false,
  ports: [],
  graceMs: 1000,
  driverFolder: '/d',
};
const CHOICES: ContainerChoices = {
  facts: {
    cpuCount: 4,
    hasInit: true,
    nvidiaByDefault: false,
    memoryLimit: true,
    pidsLimit: true,
    liveRestore: false,
  },
  network: 'nabla',
  withoutUlimits: new Set(),
  noDeviceRequests: false,
};
const gpus = (...uuids: readonly string[]): readonly GpuUuid[] => uuids as readonly GpuUuid[];

t.test('the whole request of a plain task', async (tt) => {
  tt.same(toContainerOptions(PLAN, CHOICES), {
    Image: 'image:1',
    Entrypoint: ['python'],
    Cmd: ['-c', 'x'],
    WorkingDir: '/workspace',
    Env: ['A=b'],
    Labels: {
      'nabla.cluster': 'cluster',
      'nabla.host': HOST,
      'nabla.task': 'job_a1.2.3',
      'nabla.job': 'job_a1',
      'nabla.attempt': '2',
      'nabla.rank': '3',
      'nabla.project': 'prj_p',
      'nabla.spec-hash': 'hash',
      'nabla.epoch': '4',
      'nabla.generation': '5',
    },
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    HostConfig: {
      Init: true,
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: [
        'CHOWN',
        'DAC_OVERRIDE',
        'FOWNER',
        'FSETID',
        'KILL',
        'SETGID',
        'SETUID',
        'NET_BIND_SERVICE',
        'SYS_CHROOT',
      ],
      SecurityOpt: ['no-new-privileges:true'],
      IpcMode: 'private',
      NetworkMode: 'nabla',
      Memory: 100 * MIB,
      MemorySwap: 100 * MIB,
      NanoCpus: 1_500_000_000,
      PidsLimit: 64,
      ShmSize: 50 * MIB,
      Ulimits: [
        { Name: 'memlock', Soft: -1, Hard: -1 },
        { Name: 'stack', Soft: 67_108_864, Hard: 67_108_864 },
        { Name: 'nofile', Soft: 1_048_576, Hard: 1_048_576 },
      ],
      Mounts: [{ Type: 'bind', Source: '/srv/w', Target: '/workspace', ReadOnly: false }],
      LogConfig: { Type: 'local', Config: { 'max-size': '256m', 'max-file': '2', compress: 'false' } },
    },
  });
});

t.test('GPUs are asked for by UUID, slices too', async (tt) => {
  const options = toContainerOptions({ ...PLAN, gpuUuids: gpus('GPU-1', 'MIG-2') }, CHOICES);
  tt.same(options.HostConfig?.DeviceRequests, [
    { Driver: 'nvidia', DeviceIDs: ['GPU-1', 'MIG-2'], Capabilities: [['gpu', 'compute', 'utility']] },
  ]);
  tt.notMatch(JSON.stringify(options.Env), 'CUDA_VISIBLE_DEVICES', 'the engine renumbers them itself');
  tt.equal(options.HostConfig?.Runtime, undefined, 'no runtime is named');
});

t.test('simulated GPUs are never devices', async (tt) => {
  const options = toContainerOptions({ ...PLAN, gpuUuids: gpus('GPU-sim'), gpusSimulated: true }, CHOICES);
  tt.equal(options.HostConfig?.DeviceRequests, undefined);
  tt.ok(options.Env?.includes('NABLA_SIMULATED_GPUS=GPU-sim'));
});

t.test('a user cannot ask for GPUs by environment', async (tt) => {
  const env = new Map([
    ['NVIDIA_VISIBLE_DEVICES', 'all'],
    ['CUDA_VISIBLE_DEVICES', '0'],
    ['B', 'c'],
  ]);
  tt.same(toContainerOptions({ ...PLAN, env }, CHOICES).Env, ['B=c']);
  const facts = { ...CHOICES.facts, nvidiaByDefault: true };
  tt.ok(toContainerOptions(PLAN, { ...CHOICES, facts }).Env?.includes('NVIDIA_VISIBLE_DEVICES=void'));
  const holder = toContainerOptions({ ...PLAN, gpuUuids: gpus('GPU-1') }, { ...CHOICES, facts });
  tt.notMatch(JSON.stringify(holder.Env), 'void');
});

t.test('the test setting takes devices out and nothing else', async (tt) => {
  const plan = { ...PLAN, gpuUuids: gpus('GPU-1') };
  const withDevices = toContainerOptions(plan, CHOICES);
  const without = toContainerOptions(plan, { ...CHOICES, noDeviceRequests: true });
  const { DeviceRequests, ...rest } = withDevices.HostConfig ?? {};
  tt.ok(DeviceRequests);
  tt.same(without, { ...withDevices, HostConfig: rest });
});

t.test('a shell line replaces the entry point of the image', async (tt) => {
  const options = toContainerOptions({ ...PLAN, command: { kind: 'shell', line: 'a | b' } }, CHOICES);
  tt.same([options.Entrypoint, options.Cmd], [['/bin/sh', '-c'], ['a | b']]);
  const own = toContainerOptions({ ...PLAN, command: { kind: 'argv', args: [] } }, CHOICES);
  tt.same([own.Entrypoint, own.Cmd], [undefined, undefined], 'no command is the image’s own');
});

t.test('ports are published on the loopback address only', async (tt) => {
  const ports = [
    { containerPort: 80, hostPort: 0 },
    { containerPort: 81, hostPort: 8081 },
  ];
  const { ExposedPorts, HostConfig } = toContainerOptions({ ...PLAN, ports }, CHOICES);
  tt.same(ExposedPorts, { '80/tcp': {}, '81/tcp': {} });
  tt.same(HostConfig?.PortBindings, {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
    '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }],
  });
});

t.test('limits stay within what engines take', async (tt) => {
  const small = toContainerOptions({ ...PLAN, memoryBytes: 1, cpuMilli: 1, shmBytes: 7 }, CHOICES).HostConfig;
  tt.equal(small?.Memory, 6 * MIB);
  tt.equal(small?.NanoCpus, 10_000_000);
  tt.equal(small?.ShmSize, 7);
  tt.equal(toContainerOptions({ ...PLAN, cpuMilli: 99_000 }, CHOICES).HostConfig?.NanoCpus, 4_000_000_000);
  const none = toContainerOptions(
    { ...PLAN, memoryBytes: 0, cpuMilli: 0, processesMax: 0 },
    CHOICES,
  ).HostConfig;
  tt.same(
    [none?.Memory, none?.NanoCpus, none?.PidsLimit, none?.ShmSize],
    [undefined, undefined, undefined, undefined],
  );
  const refused = toContainerOptions(PLAN, { ...CHOICES, withoutUlimits: new Set(['memlock']) });
  tt.same(
    refused.HostConfig?.Ulimits?.map(({ Name }) => Name),
    ['stack', 'nofile'],
  );
});

t.test('names and labels lead back to the task, and only for its host', async (tt) => {
  tt.match(toContainerName(HOST, PLAN.key), /^nabla-[0-9a-z]{12}-job_a1-2-3$/);
  const labels = toContainerOptions(PLAN, CHOICES).Labels ?? {};
  tt.same(fromLabels(labels, HOST), PLAN.key);
  tt.equal(fromLabels(labels, 'host_other' as HostId), undefined);
  tt.equal(fromLabels({}, HOST), undefined);
});
