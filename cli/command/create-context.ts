/**
 * Builds what a verb works with from the parsed command line.
 */
import { join } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { ConnectionTarget } from '../client/connection-target.ts';
import { configFolder, createProfileStore } from '../client/profile-store.ts';
import { OUTPUT_FORMATS, type OutputFormat } from '../render/output-format.ts';
import { renderRecord, renderRecords } from '../render/records.ts';
import { toSafeText } from '../render/safe-text.ts';
import type { CommandLine } from './command-line.ts';
import type { CommandContext } from './command-tree.ts';
import type { FieldValues } from './field-values.ts';
import { type Interrupt, interruptSignal } from './interrupt.ts';
import { writeText } from './terminal.ts';

export interface ContextInput {
  readonly line: CommandLine;
  readonly values: FieldValues;
  readonly arguments: ReadonlyMap<string, readonly string[]>;
  readonly trailing: readonly string[] | undefined;
}

export interface OpenContext {
  readonly context: CommandContext;
  /** Closes every connection that the command opened. */
  close(): Promise<void>;
}

export function createContext(input: ContextInput): OpenContext {
  const { line, values } = input;
  const { terminal, variables } = line;
  const profiles = createProfileStore(join(configFolder(variables), 'profiles.json'));
  const text = values.text('output') ?? 'table';
  const format = OUTPUT_FORMATS.find((candidate) => candidate === text) ?? 'table';
  const opened: Promise<ClusterClient>[] = [];
  const connectTo = (target: ConnectionTarget): Promise<ClusterClient> => {
    const client = import('../client/open-cluster-client.ts').then(({ openClusterClient }) =>
      openClusterClient(target),
    );
    opened.push(client);
    return client;
  };
  let own: Promise<ClusterClient> | undefined;
  let interrupt: Interrupt | undefined;
  const connect = async (): Promise<ClusterClient> => {
    const { resolveTarget } = await import('../client/resolve-target.ts');
    return connectTo(await resolveTarget({ ...connectionFlags(values), variables, profiles, warn }));
  };
  const warn = (warning: string): void => {
    terminal.stderr.write(`${terminal.errorStyle('yellow', 'warning:')} ${toSafeText(warning)}\n`);
  };
  const project = async (): Promise<string> => {
    const named = values.text('project') ?? variables['NABLA_PROJECT'] ?? '';
    if (named !== '' || values.given('url')) return named;
    const stored = await profiles.read();
    return stored.profiles[values.text('profile') ?? stored.current ?? '']?.project ?? '';
  };
  const context: CommandContext = {
    values,
    argument: (name) => input.arguments.get(name)?.[0] ?? '',
    arguments: (name) => input.arguments.get(name) ?? [],
    trailing: input.trailing,
    terminal,
    variables,
    format,
    version: line.version,
    tree: line.tree,
    profiles,
    project,
    requireProject: () => requireProject(context),
    connect: () => (own ??= connect()),
    connectTo,
    interrupted() {
      interrupt ??= interruptSignal();
      return interrupt.signal;
    },
    ...createPrinters(line, format),
    warn,
  };
  const close = async (): Promise<void> => {
    interrupt?.release();
    await closeAll(opened);
  };
  return { context, close };
}

async function requireProject(context: Pick<CommandContext, 'project' | 'connect'>): Promise<string> {
  const named = await context.project();
  if (named !== '') return named;
  const { defaultProjectId } = await (await context.connect()).whoAmI();
  if (defaultProjectId !== undefined) return defaultProjectId;
  throw new ClusterError('invalid', 'PROJECT_NOT_NAMED', 'no project was named and you have no default one', {
    hint: 'give --project, or make one with nabla projects create',
  });
}

async function closeAll(opened: readonly Promise<ClusterClient>[]): Promise<void> {
  for (const client of opened) {
    // A connection that never opened was reported to whoever asked for it.
    await client.then((open) => open.close()).catch(() => undefined);
  }
}

function connectionFlags(values: FieldValues) {
  return {
    profile: values.text('profile'),
    url: values.text('url'),
    token: values.text('token'),
    caFile: values.text('caFile'),
  };
}

function createPrinters(
  line: CommandLine,
  format: OutputFormat,
): Pick<CommandContext, 'printRecords' | 'printRecord' | 'print' | 'note'> {
  const { terminal } = line;
  const options = () => ({ format, columns: terminal.columns, style: terminal.outStyle, nowMs: Date.now() });
  const note = (text: string): void => {
    terminal.stderr.write(`${toSafeText(text)}\n`);
  };
  return {
    async printRecords(records, look) {
      await writeText(terminal.stdout, await renderRecords(records, look, options()));
      if (records.length === 0 && (format === 'table' || format === 'wide')) note(look.none);
    },
    async printRecord(record, look) {
      await writeText(terminal.stdout, await renderRecord(record, look, options()));
    },
    print: (text) => writeText(terminal.stdout, text),
    note,
  };
}
