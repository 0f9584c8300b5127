/**
 * Aim: limits are written as each version of control groups wants them. Method: the writes for a plan are compared
 * with the kernel's documentation (cgroup-v1 memory.rst, cgroup-v2.rst), and mount tables of real hosts are read.
 */
import t from 'tap';
import { type CgroupRoot, taskGroups, toAttachments } from '../../../../../agent/driver/process/cgroup.ts';
import { parseCgroupMounts } from '../../../../../agent/driver/process/cgroup-probe.ts';

const V2: CgroupRoot = { version: 2, folders: { memory: '/g', cpu: '/g', pids: '/g' }, swapLimit: true };
const V1: CgroupRoot = { version: 1, folders: { memory: '/m', cpu: '/c', pids: '/p' }, swapLimit: true };
const LIMITS = { cpuMilli: 1500, memoryBytes: 1000, processesMax: 7 };

t.test('version 2', async (tt) => {
  tt.same(toAttachments(V2, 'x', LIMITS), [
    { file: '/g/x/memory.max', value: '1000' },
    { file: '/g/x/memory.swap.max', value: '0' },
    { file: '/g/x/cpu.max', value: '150000 100000' },
    { file: '/g/x/pids.max', value: '7' },
    { file: '/g/x/task/cgroup.procs', value: '0' },
  ]);
  tt.same(taskGroups(V2, 'x'), ['/g/x'], 'one group holds all');
});

t.test('version 1 lifts the limit with swap before it lowers the other', async (tt) => {
  tt.same(toAttachments(V1, 'x', LIMITS), [
    { file: '/m/x/memory.memsw.limit_in_bytes', value: '-1' },
    { file: '/m/x/memory.limit_in_bytes', value: '1000' },
    { file: '/m/x/memory.memsw.limit_in_bytes', value: '1000' },
    { file: '/c/x/cpu.cfs_quota_us', value: '150000' },
    { file: '/p/x/pids.max', value: '7' },
    { file: '/p/x/task/cgroup.procs', value: '0' },
    { file: '/m/x/task/cgroup.procs', value: '0' },
    { file: '/c/x/task/cgroup.procs', value: '0' },
  ]);
});

t.test('no limit takes an earlier one away', async (tt) => {
  const none = { cpuMilli: 0, memoryBytes: 0, processesMax: 0 };
  const values = (root: CgroupRoot): readonly string[] =>
    toAttachments(root, 'x', none).map(({ value }) => value);
  tt.same(values(V2), ['max', 'max', 'max 100000', 'max', '0']);
  tt.same(values(V1), ['-1', '-1', '-1', 'max', '0', '0', '0']);
});

t.test('the smallest quota that the kernel takes', async (tt) => {
  const [, , quota] = toAttachments(V2, 'x', { ...LIMITS, cpuMilli: 1 });
  tt.equal(quota?.value, '1000 100000');
});

t.test('mount tables', async (tt) => {
  const unified = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n';
  tt.same(parseCgroupMounts(unified), { v2: '/sys/fs/cgroup' });
  const legacy = [
    'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0',
    'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0',
    'cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0',
  ].join('\n');
  tt.same(parseCgroupMounts(legacy), {
    v2: '/sys/fs/cgroup/unified',
    v1: { memory: '/sys/fs/cgroup/memory', cpu: '/sys/fs/cgroup/cpu,cpuacct', pids: '/sys/fs/cgroup/pids' },
  });
  tt.same(parseCgroupMounts('cgroup /c cgroup rw,memory 0 0'), {}, 'one controller is not enough');
  tt.same(parseCgroupMounts(''), {});
});
