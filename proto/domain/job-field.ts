/**
 * The shape of one row of the job field table (job-fields.ts): how a field is called, written, explained and refused.
 */

/** How a field's value is written; job-from-fields reads each kind. */
export type JobFieldType =
  | 'text'
  | 'size'
  | 'duration'
  | 'gpus'
  | 'cpus'
  | 'count'
  | 'priority'
  | 'boolean'
  /** `KEY=VALUE`, repeatable; one JSON object; a map in files. */
  | 'map'
  /** Comma list, repeatable; a list in files. */
  | 'list'
  /** As list, of ports. */
  | 'ports'
  /** A line for the shell, or an argument vector (a list in files, `-- a b c` on the command line). */
  | 'command';

export type JobFieldGroup = 'what' | 'resources' | 'workspace' | 'placement' | 'policy' | 'compatibility';

export interface JobField {
  /** Key in files and in the values of job-from-fields: the flag in camelCase. */
  readonly key: string;
  /** Long flag without dashes, kebab-case. Its camelCase form is accepted too, without being listed. */
  readonly flag: string;
  /** Further names on the command line and in options files, camelCase as Gradient has them. */
  readonly aliases: readonly string[];
  readonly type: JobFieldType;
  /** Placeholder in help. */
  readonly valueName?: string;
  /** One clause, present tense, no full stop. */
  readonly doc: string;
  /** A value as written on the command line. */
  readonly example: string;
  /** Shown in help; the value itself is filled in by validation. */
  readonly default?: string;
  /** Never echoed, never written to templates; the command line warns. */
  readonly secret?: true;
  readonly repeatable?: true;
  readonly group: JobFieldGroup;
  /** Where a violation of it is reported, e.g. `spec.resources.cpuMilli`; absent for client-side fields. */
  readonly path?: string;
  /**
   * Known but not there: any value but the neutral ones is refused (exit 10) with this hint, never ignored.
   */
  readonly unsupported?: { readonly hint: string; readonly neutral: readonly string[] };
}
