/**
 * Aim: a command that joins a task has the task's filter whichever interpreter the host has, and is refused where none
 * can give it. Method: each interpreter that is installed here starts a command, which reads what the kernel says of it;
 * variables that steer interpreters name a folder with a trap.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { chooseFilterLoader, toFilteredStart } from '../../../../../agent/driver/process/filter-loader.ts';
import { findProgram } from '../../../../../agent/driver/process/process-host.ts';
import { toSyscallFilter } from '../../../../../agent/driver/process/syscall-filter.ts';
import { caught } from '../../../../kit/caught.ts';
import { skipUnless } from '../../../../kit/skips.ts';

const READ_STATUS = 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; echo "$0 $1"; trap';

for (const name of ['perl', 'python3'] as const) {
  t.test(`${name} gives the filter to a command`, async (t) => {
    const program = await findProgram(name);
    const filter = toSyscallFilter(process.arch);
    const can = program !== undefined && filter !== undefined && process.platform === 'linux';
    if (skipUnless(t, can, `${name} or the filter of this processor is missing`) || !can) return;
    const folder = await mkdtemp(join(tmpdir(), 'nabla-filter-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'filter');
    await writeFile(file, filter);
    for (const module of ['ctypes.py', 'os.py', 'sitecustomize.py'])
      await writeFile(join(folder, module), 'print("trapped")\n');
    const loader =
      name === 'perl'
        ? chooseFilterLoader(program, undefined, process.arch)
        : chooseFilterLoader(undefined, program, process.arch);
    const [first = '', ...rest] = toFilteredStart(loader, file);
    const args = [...rest, '/bin/sh', '-c', READ_STATUS, 'a', 'b c'];
    const { stdout } = await promisify(execFile)(first, args, {
      cwd: folder,
      env: { PATH: '/usr/bin:/bin', PYTHONPATH: folder, PYTHONSTARTUP: join(folder, 'os.py') },
      timeout: 20_000,
    });
    t.same(stdout.split('\n'), ['NoNewPrivs:\t1', 'Seccomp:\t2', 'a b c', '']);
  });
}

t.test(
  'without an interpreter a command is refused where tasks have the filter, and only there',
  async (t) => {
    const loader = chooseFilterLoader(undefined, undefined, process.arch);
    t.match(
      caught(() => toFilteredStart(loader, '/filter')),
      { kind: 'unsupported', code: 'EXEC_UNAVAILABLE' },
    );
    t.same(toFilteredStart(loader, undefined), []);
  },
);

t.test('perl is of no use where the number of its call is not known', async (t) => {
  const [first] = toFilteredStart(chooseFilterLoader('/perl', '/python', 'riscv64'), '/filter');
  t.equal(first, '/python');
});
