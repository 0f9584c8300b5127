/**
 * The flags of `jobs create` and `jobs run`, made from the one table of job fields, and the way back: from flags and
 * a job file to a validated spec, with every refusal naming the user's own flag or key.
 */
import { findJobFieldByPath, JOB_FIELDS, type JobField } from '../../../proto/domain/job-fields.ts';
import {
  type JobFieldValues,
  type JobRequest,
  type JobRequestRefusal,
  jobSpecFromFields,
} from '../../../proto/domain/job-from-fields.ts';
import { jobFromDocument } from '../../../proto/domain/job-schema.ts';
import { validateJobSpec } from '../../../proto/domain/job-validation.ts';
import { ClusterError, type FieldViolation, isClusterError } from '../../../proto/errors/cluster-error.ts';
import { withoutGitPrefix } from '../../client/workspace-source.ts';
import type { CommandContext } from '../command-tree.ts';
import type { Field, FieldType } from '../field.ts';
import { PROJECT_FIELD } from '../global-fields.ts';
import { toCamelCase } from '../spelling.ts';
import { usageError } from '../usage-error.ts';

/** Texts of these types are handed on as they are: job-from-fields splits them. */
const REPEATABLE: ReadonlySet<JobField['type']> = new Set(['list', 'map', 'ports']);

/** The flag of a job field. */
function toField(field: JobField): Field {
  const name = toCamelCase(field.flag);
  const isSwitch = field.type === 'boolean' || field.unsupported?.neutral.includes('false') === true;
  const type: FieldType = isSwitch ? 'switch' : 'text';
  const aliases = [...new Set([field.key, ...field.aliases])].filter((alias) => alias !== name);
  return {
    name,
    type,
    doc: field.doc,
    aliases,
    ...(field.valueName === undefined ? {} : { placeholder: field.valueName.toUpperCase() }),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(REPEATABLE.has(field.type) ? { repeatable: true } : {}),
    ...(field.secret === true ? { secret: true, environment: toVariable(field.flag) } : {}),
    ...(field.unsupported === undefined ? {} : { hidden: true }),
    ...(field.key === 'machineType' ? { completes: 'machine-type' as const } : {}),
    ...(field.key === 'queue' ? { completes: 'queue' as const } : {}),
    ...(field.key === 'workspace' ? { completes: 'folder' as const } : {}),
  };
}

function toVariable(flag: string): string {
  return `NABLA_${flag.replace(/-/g, '_').toUpperCase()}`;
}

/** Flags of a job, in the order of the table. */
export const JOB_FLAGS: readonly Field[] = JOB_FIELDS.map((field) =>
  field.key === 'project' ? PROJECT_FIELD : toField(field),
);

/** What was said about the job by flags and by what followed `--`, by field key. */
function flagValues(context: CommandContext): Record<string, unknown> {
  const { values, trailing } = context;
  const said: Record<string, unknown> = {};
  for (const field of JOB_FIELDS) {
    const name = toCamelCase(field.flag);
    if (field.key === 'project' || !values.given(name)) continue;
    const flag = toField(field);
    if (flag.type === 'switch') said[field.key] = values.flag(name);
    else said[field.key] = flag.repeatable === true ? values.list(name) : values.text(name);
  }
  const workspace = said['workspace'];
  if (typeof workspace === 'string') said['workspace'] = withoutGitPrefix(workspace);
  if (trailing !== undefined && trailing.length > 0) {
    if (said['command'] !== undefined) {
      throw usageError(
        'COMMAND_TWICE',
        'the command was given twice',
        'give either --command or the arguments after --',
        [{ path: '--command', reason: 'must not come with arguments after --' }],
      );
    }
    said['command'] = [...trailing];
  }
  return said;
}

/** A request for a job, read and checked as far as this side can. */
export type CheckedRequest = Omit<JobRequest, 'ok'>;

/**
 * Flags over the document of `-f`, read and validated.
 *
 * @throws ClusterError invalid JOB_SPEC_INVALID, unsupported FEATURE_NOT_AVAILABLE; fields name flags, or keys of
 * the file
 */
export function readJobRequest(context: CommandContext, document: unknown): CheckedRequest {
  const fromFlags = flagValues(context);
  const fromFile = document === undefined ? {} : documentValues(document, fromFlags);
  const naming = createNaming(new Set(Object.keys(fromFile)));
  const request = jobSpecFromFields({ ...fromFile, ...fromFlags });
  if (!request.ok) throw toRefusal(request, naming);
  const checked = validateJobSpec(request.input);
  if (!checked.ok)
    throw invalidSpec(checked.fields.map((field) => ({ ...field, path: naming.byPath(field.path) })));
  const { ok: _ok, ...rest } = request;
  return rest;
}

/** What the file says and no flag says better. */
function documentValues(document: unknown, better: JobFieldValues): JobFieldValues {
  const left = withoutKeys(document, better);
  const request = jobFromDocument(left);
  if (!request.ok) throw toRefusal(request, { byKey: (key) => key, byPath: (path) => path });
  const { apiVersion: _version, kind: _kind, ...values } = left as Record<string, unknown>;
  return values;
}

function withoutKeys(document: unknown, keys: JobFieldValues): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  return Object.fromEntries(Object.entries(document).filter(([key]) => !Object.hasOwn(keys, key)));
}

interface Naming {
  byKey(key: string): string;
  byPath(path: string): string;
}

/** What came from the file is named by its key, all else by its flag. */
function createNaming(keysOfFile: ReadonlySet<string>): Naming {
  const nameOf = (field: JobField): string => (keysOfFile.has(field.key) ? field.key : `--${field.flag}`);
  return {
    byKey(key) {
      const field = JOB_FIELDS.find((candidate) => candidate.key === key);
      return field === undefined ? key : nameOf(field);
    },
    byPath(path) {
      const field = findJobFieldByPath(path);
      return field === undefined ? path : `${nameOf(field)}${keyWithin(field, path)}`;
    },
  };
}

/** Which of several pairs is meant: ` NAME` of `spec.env.NAME`. */
function keyWithin(field: JobField, path: string): string {
  const rest = path.slice((field.path ?? '').length);
  return rest.startsWith('.') ? ` ${rest.slice(1)}` : '';
}

function toRefusal(refusal: JobRequestRefusal, naming: Naming): ClusterError {
  const fields = refusal.fields.map(({ path, reason }) => ({ path: naming.byKey(path), reason }));
  if (refusal.kind === 'invalid') return invalidSpec(fields, hintOf(refusal));
  const [first] = fields;
  const one = fields.length === 1 && first !== undefined;
  return new ClusterError(
    'unsupported',
    'FEATURE_NOT_AVAILABLE',
    one ? `${first.path} ${first.reason.split(':', 1)[0] ?? ''}` : 'several features are not supported',
    { fields, hint: one ? first.reason.slice(first.reason.indexOf(':') + 2) : refusal.hint },
  );
}

/** What to write instead, where the reason alone leaves people guessing. */
const HINTS: Readonly<Record<string, string>> = {
  ports: 'write for example 8888, or 18888:8888 for a port of the host that you choose',
};

function hintOf({ fields, hint }: JobRequestRefusal): string {
  const [first, second] = fields;
  return (second === undefined && first !== undefined ? HINTS[first.path] : undefined) ?? hint;
}

function invalidSpec(fields: readonly FieldViolation[], hint = 'correct what is named'): ClusterError {
  const [first] = fields;
  const message =
    fields.length === 1 && first !== undefined ? `${first.path} ${first.reason}` : 'the job is not valid';
  return new ClusterError('invalid', 'JOB_SPEC_INVALID', message, { fields, hint });
}

/** A refusal of the controller with its fields named as the user wrote them; other errors unchanged. */
export function nameFlags(error: unknown): unknown {
  if (!isClusterError(error) || error.fields.length === 0) return error;
  const fields = error.fields.map(({ path, reason }) => {
    const field = findJobFieldByPath(path);
    return { path: field === undefined ? path : `--${field.flag}${keyWithin(field, path)}`, reason };
  });
  // The message of a single wrong field begins with its path.
  const [first] = error.fields;
  const named = first !== undefined && error.message.startsWith(`${first.path} `);
  const message = named ? `${fields[0]?.path}${error.message.slice(first.path.length)}` : error.message;
  return new ClusterError(error.kind, error.code, message, {
    hint: error.hint,
    fields,
    details: error.details,
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}
