/**
 * Giving the filter of system calls to a command that joins a running task. Bubblewrap gives it to the task itself; what
 * joins later must take it up before it enters, and only an interpreter of the host can say so to the kernel.
 */
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { unsupported } from '../driver-error.ts';

/** The number of prctl(2), by Node's name of the architecture. */
const PRCTL: Readonly<Record<string, number>> = { x64: 157, arm64: 167 };
/** No new privileges (38), the filter (22, mode 2) by a struct sock_fprog, and the command. */
const PERL_SCRIPT = `my ($prctl, $file) = splice @ARGV, 0, 2;
open my $in, '<:raw', $file or exit 126;
my $filter = do { local $/; <$in> };
close $in;
syscall($prctl, 38, 1, 0, 0, 0) == 0 or exit 126;
syscall($prctl, 22, 2, pack('Sx6P', length($filter) / 8, $filter)) == 0 or exit 126;
exec { $ARGV[0] } @ARGV or exit 127;
`;
/** The same; signals that Python ignores for itself are as they were before the command begins. */
const PYTHON_SCRIPT = `import ctypes, os, signal, sys
with open(sys.argv[1], 'rb') as source:
    text = source.read()
code = ctypes.create_string_buffer(text, len(text))
class Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]
program = Program(len(text) // 8, ctypes.addressof(code))
prctl = ctypes.CDLL(None).prctl
none = ctypes.c_ulong(0)
if prctl(38, ctypes.c_ulong(1), none, none, none) != 0:
    os._exit(126)
if prctl(22, ctypes.c_ulong(2), ctypes.byref(program), none, none) != 0:
    os._exit(126)
for name in ('SIGPIPE', 'SIGXFSZ'):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError:
    os._exit(127)
`;

/** Words in front of a whole path and its arguments that give the filter in `file` to what they start. */
export type FilterLoader = (file: string) => readonly string[];

/** With perl, else with Python; undefined on hosts that have neither. Both take whole paths. */
export function chooseFilterLoader(
  perl: string | undefined,
  python: string | undefined,
  architecture: string,
): FilterLoader | undefined {
  const call = PRCTL[architecture];
  if (perl !== undefined && call !== undefined)
    return (file) => [perl, '-e', PERL_SCRIPT, String(call), file];
  // Isolated: what the task's variables name is not loaded outside the task.
  if (python !== undefined) return (file) => [python, '-I', '-S', '-c', PYTHON_SCRIPT, file];
  return undefined;
}

/**
 * The words in front of a command that joins a task whose view has the filter in `filterFile`; none where tasks have
 * none themselves. @throws ClusterError EXEC_UNAVAILABLE rather than let a command do what its task may not
 */
export function toFilteredStart(
  loader: FilterLoader | undefined,
  filterFile: string | undefined,
): readonly string[] {
  if (filterFile === undefined) return [];
  if (loader === undefined) throw execUnavailable();
  return loader(filterFile);
}

function execUnavailable(): ClusterError {
  return unsupported(
    'EXEC_UNAVAILABLE',
    'this host cannot run commands in tasks as confined as the tasks are',
    'ask an operator to install perl or python3 on the host and to restart its agent',
  );
}
