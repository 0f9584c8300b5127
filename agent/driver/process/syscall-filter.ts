/**
 * The system calls that no task in a view may make, as a program for the kernel (seccomp(2), classic BPF): a user
 * namespace of its own, in which the kernel lets a task mount control groups and reach much else that it never needs.
 */

/** Bits and offsets of <linux/sched.h>, <linux/seccomp.h> and <linux/bpf_common.h>. */
const CLONE_NEWUSER = 0x1000_0000;
const OFFSET = { call: 0, architecture: 4, firstArgument: 16 } as const;
const OP = { load: 0x20, ifEqual: 0x15, ifAtLeast: 0x35, ifAnyBit: 0x45, answer: 0x06 } as const;
const ALLOW = 0x7fff_0000;
const REFUSE = 0x0005_0000;
const EPERM = 1;
const ENOSYS = 38;
/** From here on numbers are those of x32, which nobody runs: they would be a way around. */
const FOREIGN_CALLS = 0x4000_0000;

/** A table of system calls that the processor can run; its flags are the first argument of both calls. */
interface CallTable {
  /** AUDIT_ARCH_… of <linux/audit.h>. */
  readonly architecture: number;
  readonly clone: number;
  readonly unshare: number;
}

/** The same number everywhere. Its flags lie in memory, where no filter can look: C libraries fall back to clone. */
const CLONE3 = 435;

/** By Node's name of the architecture: the native table and that of 32-bit programs. */
const TABLES: Readonly<Record<string, readonly CallTable[]>> = {
  x64: [
    { architecture: 0xc000_003e, clone: 56, unshare: 272 },
    { architecture: 0x4000_0003, clone: 120, unshare: 310 },
  ],
  arm64: [
    { architecture: 0xc000_00b7, clone: 220, unshare: 97 },
    { architecture: 0x4000_0028, clone: 120, unshare: 337 },
  ],
};

type Instruction = readonly [op: number, value: number, ifTrue?: number, ifFalse?: number];

/**
 * The program as bubblewrap's --seccomp reads it; undefined where the numbers of the calls are not known. Refused with
 * EPERM, clone3 and calls of other tables with ENOSYS; everything else is let through.
 */
export function toSyscallFilter(architecture: string): Uint8Array | undefined {
  const tables = TABLES[architecture];
  if (tables === undefined) return undefined;
  const program: Instruction[] = [
    [OP.load, OFFSET.architecture],
    ...tables.flatMap((table) => {
      const block = toBlock(table);
      return [[OP.ifEqual, table.architecture, 0, block.length] satisfies Instruction, ...block];
    }),
    [OP.answer, REFUSE | ENOSYS],
  ];
  return encode(program);
}

/** Jumps count the instructions that are skipped; every way through a block ends in an answer. */
function toBlock({ clone, unshare }: CallTable): readonly Instruction[] {
  return [
    [OP.load, OFFSET.call],
    [OP.ifAtLeast, FOREIGN_CALLS, 8, 0],
    [OP.ifEqual, CLONE3, 7, 0],
    [OP.ifEqual, clone, 2, 0],
    [OP.ifEqual, unshare, 1, 0],
    [OP.answer, ALLOW],
    [OP.load, OFFSET.firstArgument],
    [OP.ifAnyBit, CLONE_NEWUSER, 0, 1],
    [OP.answer, REFUSE | EPERM],
    [OP.answer, ALLOW],
    [OP.answer, REFUSE | ENOSYS],
  ];
}

/** struct sock_filter, little-endian as both architectures are. */
function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(([op, value, ifTrue = 0, ifFalse = 0], at) => {
    view.setUint16(at * 8, op, true);
    view.setUint8(at * 8 + 2, ifTrue);
    view.setUint8(at * 8 + 3, ifFalse);
    view.setUint32(at * 8 + 4, value, true);
  });
  return bytes;
}
