/**
 * What a verb gets to work with: its flags and arguments, the terminal, and a lazily opened connection.
 */
import type { ClusterClient } from '../client/cluster-client.ts';
import type { ConnectionTarget } from '../client/connection-target.ts';
import type { ProfileStore } from '../client/profile-store.ts';
import type { OutputFormat } from '../render/output-format.ts';
import type { JsonRecord, RecordLook } from '../render/records.ts';
import type { FieldValues } from './field-values.ts';
import type { CommandTree } from './resolve-command.ts';
import type { EnvironmentVariables, Terminal } from './terminal.ts';

export interface CommandContext {
  readonly values: FieldValues;
  /** The words given for a declared argument; empty when an optional one is absent. */
  argument(name: string): string;
  arguments(name: string): readonly string[];
  /** What followed `--`. */
  readonly trailing: readonly string[] | undefined;
  readonly terminal: Terminal;
  readonly variables: EnvironmentVariables;
  readonly format: OutputFormat;
  readonly profiles: ProfileStore;
  readonly version: string;
  readonly tree: CommandTree;
  /** Project of flags, environment or profile; empty means the caller's default one. */
  project(): Promise<string>;
  /** As {@link project}, with the default one asked of the controller. @throws ClusterError PROJECT_NOT_NAMED */
  requireProject(): Promise<string>;
  /** Opens the connection on the first call; the runner closes it. */
  connect(): Promise<ClusterClient>;
  /** Opens a connection elsewhere than flags and profile say (up, demo); the runner closes it. */
  connectTo(target: ConnectionTarget): Promise<ClusterClient>;
  printRecords(records: readonly JsonRecord[], look: RecordLook): Promise<void>;
  printRecord(record: JsonRecord, look: RecordLook): Promise<void>;
  /** Fires at the first Ctrl-C or polite kill from now on; the same one for all who ask. */
  interrupted(): AbortSignal;
  /** Text on stdout. */
  print(text: string): Promise<void>;
  /** A line for people on stderr, never mixed into output. */
  note(text: string): void;
  warn(text: string): void;
}
