/**
 * Aim: the filter refuses a user namespace on every way to one, and nothing else. Method: the program is run by a small
 * reading of classic BPF (linux/filter.h) over calls of every table that it knows and of one that it does not.
 */
import t from 'tap';
import { toSyscallFilter } from '../../../../../agent/driver/process/syscall-filter.ts';

const NEW_USER = 0x1000_0000;
const [X64, I386, ARM64, ARM] = [0xc000_003e, 0x4000_0003, 0xc000_00b7, 0x4000_0028];
const ANSWERS = new Map([
  [0x7fff_0000, 'allowed'],
  [0x0005_0001, 'EPERM'],
  [0x0005_0026, 'ENOSYS'],
]);

/** What the kernel would answer; words of struct seccomp_data are given by their offset. */
function run(program: Uint8Array, words: Readonly<Record<number, number>>): string {
  const view = new DataView(program.buffer);
  let loaded = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const op = view.getUint16(at * 8, true);
    const value = view.getUint32(at * 8 + 4, true);
    const jump = (taken: boolean): number => view.getUint8(at * 8 + (taken ? 2 : 3));
    if (op === 0x06) return ANSWERS.get(value) ?? `answer ${value}`;
    if (op === 0x20) loaded = words[value] ?? 0;
    else if (op === 0x15) at += jump(loaded === value);
    else if (op === 0x35) at += jump(loaded >= value);
    else if (op === 0x45) at += jump((loaded & value) !== 0);
    else return `unknown instruction ${op}`;
  }
  return 'ran off the end';
}

const CASES: readonly (readonly [string, string, number, number, number, string])[] = [
  ['a fork', 'x64', X64, 56, 0x0120_0011, 'allowed'],
  ['a clone with a user namespace', 'x64', X64, 56, NEW_USER | 17, 'EPERM'],
  ['unshare of mounts', 'x64', X64, 272, 0x2_0000, 'allowed'],
  ['unshare of users', 'x64', X64, 272, NEW_USER | 0x2_0000, 'EPERM'],
  ['clone3, whatever it asks', 'x64', X64, 435, 0, 'ENOSYS'],
  ['a read with an argument like the flag', 'x64', X64, 0, NEW_USER, 'allowed'],
  ['unshare by its x32 number', 'x64', X64, 0x4000_0000 + 272, NEW_USER, 'ENOSYS'],
  ['unshare of a 32-bit program', 'x64', I386, 310, NEW_USER, 'EPERM'],
  ['clone of a 32-bit program', 'x64', I386, 120, NEW_USER, 'EPERM'],
  ['the number of unshare in the other table', 'x64', I386, 272, NEW_USER, 'allowed'],
  ['a table that is not known', 'x64', ARM64, 1, 0, 'ENOSYS'],
  ['unshare of users', 'arm64', ARM64, 97, NEW_USER, 'EPERM'],
  ['clone with a user namespace', 'arm64', ARM64, 220, NEW_USER, 'EPERM'],
  ['clone3', 'arm64', ARM64, 435, 0, 'ENOSYS'],
  ['a write', 'arm64', ARM64, 64, NEW_USER, 'allowed'],
  ['unshare of a 32-bit program', 'arm64', ARM, 337, NEW_USER, 'EPERM'],
];

for (const [what, architecture, table, call, flags, want] of CASES) {
  t.test(`${architecture}: ${what}`, async (tt) => {
    const program = toSyscallFilter(architecture) ?? new Uint8Array(0);
    tt.equal(run(program, { 0: call, 4: table, 16: flags }), want);
  });
}

t.test('an architecture whose calls are not known has no filter', async (tt) => {
  tt.equal(toSyscallFilter('riscv64'), undefined);
});
