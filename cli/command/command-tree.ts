/**
 * The vocabulary of the command line: every verb of every noun is one declaration of this shape. Parsing,
 * help, suggestions, options files, completion and output all read these declarations and nothing else.
 */
import type { ClusterClient } from '../client/cluster-client.ts';
import type { ConnectionTarget } from '../client/connection-target.ts';
import type { ProfileStore } from '../client/profile-store.ts';
import type { OutputFormat } from '../render/output-format.ts';
import type { JsonRecord, RecordLook } from '../render/records.ts';
import type { Argument, Field, Refusal } from './field.ts';
import type { FieldValues } from './field-values.ts';
import type { EnvironmentVariables, Terminal } from './terminal.ts';

/** What a command prints: a list that can be limited, filtered and sorted; other records; or only text. */
export type OutputShape = 'list' | 'records' | 'record' | 'text';

export interface CommandSpec {
  /** Words after `nabla`: `['jobs', 'artifacts', 'list']`. */
  readonly path: readonly string[];
  /** Other names of the last word. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Further paragraphs for help. */
  readonly description?: string;
  /** Command lines, each one that works. */
  readonly examples: readonly string[];
  readonly arguments?: readonly Argument[];
  readonly fields?: readonly Field[];
  readonly refused?: readonly Refusal[];
  /** Doc of what may follow `--`; absent: nothing may. */
  readonly trailing?: string;
  readonly output: OutputShape;
  /** Needs no cluster: the global connection flags are not offered. */
  readonly local?: boolean;
  readonly hidden?: boolean;
  /**
   * Failures that are Nabla's own end with 125, because every other code is the job's.
   */
  readonly exitsWithJob?: boolean;
  /** Resolves to the exit code; undefined is 0. */
  run(context: CommandContext): Promise<number | undefined>;
}

/** One first word of the command line; its commands are loaded only when it is used. */
export interface Noun {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly group: 'work' | 'cluster' | 'account' | 'local';
  readonly hidden?: boolean;
  /** Its commands talk to a controller: loading what that takes may begin at once. */
  readonly connects?: boolean;
  load(): Promise<readonly CommandSpec[]>;
}

export interface RefusedNoun {
  readonly name: string;
  readonly hint: string;
}

/** A verb that is planned or was known elsewhere, by its full path. */
export interface RefusedVerb {
  readonly path: readonly string[];
  readonly hint: string;
}

export interface CommandTree {
  readonly nouns: readonly Noun[];
  readonly refusedNouns: readonly RefusedNoun[];
  readonly refusedVerbs: readonly RefusedVerb[];
}

/** What a verb gets to work with: its flags and arguments, the terminal, and a lazily opened connection. */
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
