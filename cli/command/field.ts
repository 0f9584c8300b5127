/**
 * One flag or argument of a command, declared.
 */

/**
 * How a flag's text is read.
 * - `switch`: takes a value only when it is literally `true` or `false`
 * - `list`: repeatable, and each value may hold several, separated by commas
 * - `pairs`: repeatable `key=value`
 * - `json-pairs`: a JSON object of strings, or repeatable `key=value`
 */
export type FieldType = 'text' | 'switch' | 'integer' | 'number' | 'list' | 'pairs' | 'json-pairs';

/** Kinds of records whose ids can be completed live. */
export type CompletionSource =
  | 'job'
  | 'project'
  | 'host'
  | 'gpu'
  | 'machine-type'
  | 'secret'
  | 'profile'
  | 'user'
  | 'token'
  | 'queue'
  | 'quota'
  | 'reservation';

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
