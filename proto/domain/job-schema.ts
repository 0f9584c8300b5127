/**
 * The typed job file (`nabla jobs create -f job.yaml`): its published JSON Schema, built from the field table, and
 * the reader of such a document.
 */
import type { JobField } from './job-field.ts';
import { findJobField, JOB_FIELDS } from './job-fields.ts';
import { type JobRequest, type JobRequestRefusal, jobSpecFromFields } from './job-from-fields.ts';
import type { JsonValue } from './list-query.ts';

export const JOB_SCHEMA_ID = 'nabla/v1/job.schema.json';
export const JOB_API_VERSION = 'nabla/v1';
export const JOB_KIND = 'job';

type Schema = { readonly [key: string]: JsonValue };

const SCALAR = ['string', 'number', 'boolean'];
const SIZE: Schema = { type: ['string', 'integer'], pattern: '^[0-9]+(\\.[0-9]+)?([KMGT]iB?)?$', minimum: 0 };
const DURATION: Schema = {
  anyOf: [
    { const: 0 },
    {
      type: 'string',
      pattern: '^(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+(\\.[0-9]+)?s)?([0-9]+ms)?)$',
      minLength: 1,
    },
  ],
};
const PAIR: Schema = { type: 'string', pattern: '^[^=]+=' };
const PORT_TEXT = '^ *[0-9]+(:[0-9]+)?( *, *[0-9]+(:[0-9]+)?)* *$';
const PORT: Schema = { type: ['string', 'integer'], pattern: PORT_TEXT, minimum: 1, maximum: 65535 };
const LIST: Schema = {
  anyOf: [{ type: 'string' }, { type: 'array', items: { type: ['string', 'number'] } }],
};

const SHAPES: Readonly<Record<JobField['type'], Schema>> = {
  text: { type: ['string', 'number'] },
  size: SIZE,
  duration: DURATION,
  gpus: { type: ['number', 'string'], pattern: '^[0-9]+(\\.[0-9]+)?$', minimum: 0 },
  cpus: { type: ['number', 'string'], pattern: '^[0-9]+(\\.[0-9]+)?m?$', minimum: 0 },
  count: { type: ['integer', 'string'], pattern: '^[0-9]+$', minimum: 0 },
  priority: { anyOf: [{ enum: ['low', 'normal', 'high'] }, { type: 'integer', minimum: 0, maximum: 1000 }] },
  boolean: { type: 'boolean' },
  map: {
    anyOf: [{ type: 'object', additionalProperties: { type: SCALAR } }, PAIR, { type: 'array', items: PAIR }],
  },
  list: LIST,
  ports: { anyOf: [PORT, { type: 'array', items: PORT }] },
  command: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: SCALAR }, minItems: 1 }] },
};

function describe(field: JobField): Schema {
  const sentence = `${field.doc.charAt(0).toUpperCase()}${field.doc.slice(1)}.`;
  const fallback = field.default === undefined ? '' : ` Default: ${field.default}.`;
  return {
    description: `${sentence}${fallback} Example: ${field.example}`,
    ...SHAPES[field.type],
  };
}

/** Fields whose feature is not there are left out, so that editors mark them. */
export function buildJobSchema(): Schema {
  const fields = JOB_FIELDS.filter((field) => field.unsupported === undefined);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: JOB_SCHEMA_ID,
    title: 'Nabla job',
    description: 'One job for "nabla jobs create -f". Keys are the flags of that command in camelCase.',
    type: 'object',
    properties: {
      apiVersion: { const: JOB_API_VERSION, description: 'Version of this format.' },
      kind: { const: JOB_KIND, description: 'What the document describes.' },
      ...Object.fromEntries(fields.map((field) => [field.key, describe(field)])),
    },
    required: ['kind'],
    additionalProperties: false,
  };
}

function refuse(path: string, reason: string, hint: string): JobRequestRefusal {
  return { ok: false, kind: 'invalid', fields: [{ path, reason }], hint };
}

/** Number of single-letter edits between two words (Levenshtein), for did-you-mean. */
function countEdits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const SUGGESTION_EDITS_MAX = 2;
const SUGGESTION_CHARACTERS_MAX = 64;

/** The key that was probably meant. */
export function suggestJobField(name: string): string | undefined {
  const known = findJobField(name);
  if (known !== undefined) return known.key;
  if (name.length > SUGGESTION_CHARACTERS_MAX) return undefined;
  const ranked = JOB_FIELDS.map(({ key }) => ({
    key,
    edits: countEdits(name.toLowerCase(), key.toLowerCase()),
  }));
  const [best] = ranked.sort((a, b) => a.edits - b.edits);
  return best !== undefined && best.edits <= SUGGESTION_EDITS_MAX ? best.key : undefined;
}

/** Reads a parsed YAML or JSON document of the shape that {@link buildJobSchema} describes. Never throws. */
export function jobFromDocument(document: unknown): JobRequest | JobRequestRefusal {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return refuse('kind', 'must be the first key of a map', 'begin the file with "kind: job"');
  }
  const { apiVersion, kind, ...values } = document as Readonly<Record<string, unknown>>;
  if (kind !== JOB_KIND && kind !== 'Job') {
    return refuse('kind', `must be ${JOB_KIND}`, 'begin the file with "kind: job"');
  }
  if (apiVersion !== undefined && apiVersion !== JOB_API_VERSION) {
    return refuse('apiVersion', `must be ${JOB_API_VERSION}`, 'leave it out, or upgrade this program');
  }
  const known = new Set(JOB_FIELDS.map((field) => field.key));
  const unknown = Object.keys(values).filter((key) => !known.has(key));
  if (unknown.length > 0) {
    const fields = unknown.slice(0, 32).map((key) => {
      const meant = suggestJobField(key);
      const tail = meant === undefined ? '' : `: did you mean ${meant}?`;
      return { path: key.slice(0, 64), reason: `is not a known field${tail}` };
    });
    return { ok: false, kind: 'invalid', fields, hint: 'see "nabla jobs create --help" for all fields' };
  }
  return jobSpecFromFields(values);
}
