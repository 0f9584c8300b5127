/**
 * The vocabulary of the command line: every verb of every noun is one declaration of this shape. Parsing,
 * help, suggestions, options files, completion and output all read these declarations and nothing else.
 */
import type { CommandContext } from './command-context.ts';

/**
 * How a flag's text is read.
 * - `switch`: takes a value only when it is literally `true` or `false`
 * - `list`: repeatable, and each value may hold several, separated by commas
 * - `pairs`: repeatable `key=value`
 * - `json-pairs`: a JSON object of strings, or repeatable `key=value`
 */
export type FieldType = 'text' | 'switch' | 'integer' | 'number' | 'list' | 'pairs' | 'json-pairs';

/** Kinds of records whose ids can be completed live. */
export type CompletionSource = 'job' | 'project' | 'host' | 'gpu' | 'machine-type' | 'secret' | 'profile';

export interface Field {
  /** lowerCamelCase; `--kebab-case` and `--camelCase` are both accepted. */
  readonly name: string;
  readonly type: FieldType;
  /** One line for help: meaning, unit. */
  readonly doc: string;
  /** How help names the value, e.g. `SIZE`. Default: by type. */
  readonly placeholder?: string;
  /** One letter. */
  readonly short?: string;
  /** Other accepted spellings in lowerCamelCase (Gradient's names among them). */
  readonly aliases?: readonly string[];
  /** Shown in help; commands apply it themselves. */
  readonly default?: string;
  /** May be given several times (text and integer only; lists and pairs always may). */
  readonly repeatable?: boolean;
  readonly choices?: readonly string[];
  readonly required?: boolean;
  /** Read from this variable when neither the command line nor the options file gives it. */
  readonly environment?: string;
  /** Accepts `@FILE` and `-`; a literal value earns a warning. */
  readonly secret?: boolean;
  readonly completes?: CompletionSource | 'file' | 'folder';
  /** Left out of help and completion. */
  readonly hidden?: boolean;
}

/** A flag or verb that another product has and Nabla has not: refused with exit 10, never ignored. */
export interface Refusal {
  readonly name: string;
  readonly hint: string;
  /** A switch: giving it as literal `false` asks for nothing and is accepted. */
  readonly isSwitch?: boolean;
}

export interface Argument {
  readonly name: string;
  readonly doc: string;
  readonly optional?: boolean;
  readonly repeatable?: boolean;
  /** Flags that give the same (`--id` of Gradient), in lowerCamelCase. */
  readonly flags?: readonly string[];
  readonly completes?: CompletionSource | 'file' | 'folder';
}

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
   * Failures that are Nabla's own end with 125, because every other code is the job's (architecture 8a).
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
