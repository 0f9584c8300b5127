/**
 * Restore and offline check: done by the controller's own program, which alone knows the store.
 */
import { spawn } from 'node:child_process';
import type { StoreCheck } from '../../../proto/domain/admin-views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { RecordLook } from '../../render/records.ts';
import type { CommandContext } from '../command-tree.ts';
import { programPath } from '../package-root.ts';

/** Exit code of kind corrupt. */
const EXIT_UNSOUND = 70;

const LOOK: RecordLook = {
  id: (record) => String(record['stateHash']),
  columns: () => [
    { header: 'STORE', value: (record) => (record['ok'] === true ? 'sound' : 'NOT SOUND') },
    { header: 'SEQUENCE', value: (record) => String(record['headSeq']) },
    { header: 'EPOCH', value: (record) => String(record['epoch']) },
    {
      header: 'EVENTS',
      value: (record) => {
        const from = record['foldedFrom'];
        return `${record['events']}, ${from === null ? 'not compared with records' : `folded from ${from}`}`;
      },
    },
    { header: 'RECORDS', value: (record) => String(record['rows']) },
    { header: 'STATE', value: (record) => String(record['stateHash']) },
  ],
  none: '',
};

export async function runFsck(context: CommandContext): Promise<number> {
  const data = context.values.text('data') ?? '';
  if (data !== '') return await runTool(context, ['fsck', '--data', data]);
  const check = await (await context.connect()).admin.fsck();
  await context.printRecord({ ...check, foldedFrom: check.foldedFrom ?? null }, LOOK);
  for (const line of findingLines(check)) context.warn(line);
  return check.ok ? 0 : EXIT_UNSOUND;
}

function findingLines({ findings, findingsDropped }: StoreCheck): readonly string[] {
  const lines = findings.map(({ code, message, where, hint }) => `${code} ${where}: ${message}; ${hint}`);
  return findingsDropped === 0 ? lines : [...lines, `and ${findingsDropped} more`];
}

export async function runRestore(context: CommandContext): Promise<number> {
  const data = context.values.text('data') ?? '';
  return await runTool(context, ['restore', context.argument('file'), '--data', data]);
}

/** The exit code of `nabla-controller ARGS`, whose output is ours. */
async function runTool(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal, format, variables } = context;
  const json = format === 'json' ? ['--json'] : [];
  const child = spawn(process.execPath, [programPath('controller'), ...args, ...json], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: variables,
  });
  child.stdout.pipe(terminal.stdout, { end: false });
  child.stderr.pipe(terminal.stderr, { end: false });
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(
        new ClusterError('unsupported', 'CONTROLLER_NOT_INSTALLED', 'the controller cannot be run here', {
          hint: 'run this where nabla-controller is installed',
          cause,
        }),
      );
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
}
