/**
 * Reads the values of the job field table, as they come from flags (text) or files (numbers, lists, maps), into a
 * JobSpecInput. What is known but not there is refused by name, never ignored.
 */
import type { FieldViolation } from '../errors/cluster-error.ts';
import type { JobId } from './ids.ts';
import type { Command, Credentials, OnDisconnect, PortMapping, ResourceRequest, Workspace } from './job.ts';
import { type ArrayRange, parseAfter, parseArrayRange } from './job-array.ts';
import type { JobField } from './job-field.ts';
import { JOB_FIELDS } from './job-fields.ts';
import { isGitUrl } from './job-source.ts';
import type { JobSpecInput } from './job-validation.ts';
import type { Dependency } from './scheduling.ts';
import {
  type Parsed,
  parseBoolean,
  parseCount,
  parseCpus,
  parseDuration,
  parseGpus,
  parsePort,
  parsePriority,
  parseSize,
} from './units.ts';

/**
 * Values by field key. Text as on the command line; repeated flags as lists; in files also numbers, booleans, lists
 * and maps. Undefined and null mean "not said".
 */
export type JobFieldValues = Readonly<Record<string, unknown>>;

export interface JobRequest {
  readonly ok: true;
  /** Not yet validated. A folder workspace is absent from it until it is uploaded. */
  readonly input: JobSpecInput;
  readonly project?: string;
  /** Folder or zip file that the client must upload first. */
  readonly workspacePath?: string;
  readonly ignoreFiles: readonly string[];
  /** One job per index instead of one. */
  readonly array?: ArrayRange;
  readonly hold?: boolean;
}

export interface JobRequestRefusal {
  readonly ok: false;
  /** `unsupported` when nothing else is wrong but a feature that is not there. */
  readonly kind: 'invalid' | 'unsupported';
  /** Paths are field keys, so that a client can name its own flag. */
  readonly fields: readonly FieldViolation[];
  readonly hint: string;
}

type Value =
  | string
  | number
  | boolean
  | Command
  | readonly string[]
  | readonly PortMapping[]
  | Readonly<Record<string, string>>;

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });

/** Numbers in files stand for their text; anything else that is not text is refused. */
function toText(raw: unknown): Parsed<string> {
  if (typeof raw === 'string') return good(raw);
  if (typeof raw === 'number' || typeof raw === 'boolean') return good(String(raw));
  return bad('must be a single value');
}

function readText<T>(raw: unknown, parse: (text: string) => Parsed<T>): Parsed<T> {
  const text = toText(Array.isArray(raw) && raw.length === 1 ? raw[0] : raw);
  return text.ok ? parse(text.value) : text;
}

/** Comma lists, repeated or not, and lists of files, flattened. */
function readItems(raw: unknown): Parsed<readonly string[]> {
  const members: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  const items: string[] = [];
  for (const member of members) {
    const text = toText(member);
    if (!text.ok) return bad('must be a list of values');
    items.push(...text.value.split(',').map((item) => item.trim()));
  }
  return good(items.filter((item) => item !== ''));
}

function readPorts(raw: unknown): Parsed<readonly PortMapping[]> {
  const items = readItems(raw);
  if (!items.ok) return items;
  const ports: PortMapping[] = [];
  for (const item of items.value) {
    const port = parsePort(item);
    if (!port.ok) return port;
    ports.push(port.value);
  }
  return good(ports);
}

const MAP_REASON = 'must be NAME=VALUE, or a map of names to values';

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJsonMap(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Refused by the caller like any other text that is not a map.
    return undefined;
  }
}

/** Entries of one member: a map, JSON text of a map (Gradient), or NAME=VALUE. */
function readMapMember(member: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (isRecord(member)) return Object.entries(member);
  if (typeof member !== 'string') return undefined;
  if (member.trim().startsWith('{')) {
    const parsed = parseJsonMap(member);
    return isRecord(parsed) ? Object.entries(parsed) : undefined;
  }
  const equals = member.indexOf('=');
  return equals < 1 ? undefined : [[member.slice(0, equals), member.slice(equals + 1)]];
}

function readMap(raw: unknown): Parsed<Readonly<Record<string, string>>> {
  const entries: [string, string][] = [];
  for (const member of Array.isArray(raw) ? raw : [raw]) {
    const found = readMapMember(member);
    if (found === undefined) return bad(MAP_REASON);
    for (const [name, value] of found) {
      const text = toText(value);
      if (!text.ok) return bad(MAP_REASON);
      entries.push([name, text.value]);
    }
  }
  return good(Object.fromEntries(entries));
}

function readCommand(raw: unknown): Parsed<Command> {
  if (typeof raw === 'string') return good({ kind: 'shell', line: raw });
  if (!Array.isArray(raw)) return bad('must be one line, or a list of arguments');
  const args: string[] = [];
  for (const argument of raw) {
    const text = toText(argument);
    if (!text.ok) return bad('must be one line, or a list of arguments');
    args.push(text.value);
  }
  return good({ kind: 'argv', args });
}

function readField(field: JobField, raw: unknown): Parsed<Value> {
  switch (field.type) {
    case 'text':
      return readText(raw, good);
    case 'size':
      return readText(raw, parseSize);
    case 'duration':
      return readText(raw, parseDuration);
    case 'gpus':
      return readText(raw, parseGpus);
    case 'cpus':
      return readText(raw, parseCpus);
    case 'count':
      return readText(raw, parseCount);
    case 'priority':
      return readText(raw, parsePriority);
    case 'boolean':
      return readText(raw, parseBoolean);
    case 'map':
      return readMap(raw);
    case 'list':
      return readItems(raw);
    case 'ports':
      return readPorts(raw);
    case 'command':
      return readCommand(raw);
  }
}

/** What was said, by key; each key has the type that its field's kind reads to. */
interface ReadValues {
  text(key: string): string | undefined;
  number(key: string): number | undefined;
  boolean(key: string): boolean | undefined;
  list(key: string): readonly string[] | undefined;
  map(key: string): Readonly<Record<string, string>> | undefined;
  get(key: string): Value | undefined;
}

function createReadValues(values: ReadonlyMap<string, Value>): ReadValues {
  const get = (key: string): Value | undefined => values.get(key);
  return {
    get,
    text: (key) => get(key) as string | undefined,
    number: (key) => get(key) as number | undefined,
    boolean: (key) => get(key) as boolean | undefined,
    list: (key) => get(key) as readonly string[] | undefined,
    map: (key) => get(key) as Readonly<Record<string, string>> | undefined,
  };
}

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

function buildResources(read: ReadValues): Partial<ResourceRequest> {
  return {
    ...present('gpuMilli', read.number('gpus')),
    ...present('gpuModels', read.list('gpuModel')),
    ...present('gpuMemoryBytes', read.number('gpuMemory')),
    ...present('migProfile', read.text('mig')),
    ...present('cpuMilli', read.number('cpus')),
    ...present('memoryBytes', read.number('memory')),
    ...present('shmBytes', read.number('shm')),
    ...present('diskBytes', read.number('disk')),
  };
}

function buildCredentials(read: ReadValues, prefix: 'registry' | 'workspace'): Credentials | undefined {
  const url = prefix === 'registry' ? read.text('registryUrl') : undefined;
  const username = read.text(`${prefix}Username`);
  const password = read.text(`${prefix}Password`);
  if (url === undefined && username === undefined && password === undefined) return undefined;
  return { ...present('url', url), username: username ?? '', ...present('password', password) };
}

function buildGitWorkspace(read: ReadValues, url: string): Workspace {
  const ref = read.text('workspaceRef') ?? '';
  return { kind: 'git', url, ref, ...present('credentials', buildCredentials(read, 'workspace')) };
}

function buildInput(
  read: ReadValues,
  gitUrl: string | undefined,
  after: readonly Dependency[] | undefined,
): JobSpecInput {
  const resources = buildResources(read);
  return {
    ...present('name', read.text('name')),
    ...present('image', read.text('image')),
    ...present('containerUser', read.text('containerUser')),
    ...present('registry', buildCredentials(read, 'registry')),
    ...present('command', read.get('command') as Command | undefined),
    ...present('env', read.map('env')),
    ...present('ports', read.get('ports') as readonly PortMapping[] | undefined),
    resources,
    ...present('machineType', read.text('machineType')),
    ...present('timeLimitMs', read.number('timeLimit')),
    ...present('graceMs', read.number('grace')),
    ...present('retries', read.number('retries')),
    ...present('maxRunAttempts', read.number('maxRunAttempts')),
    ...present('workingDirectory', read.text('workingDirectory')),
    ...present('workspace', gitUrl === undefined ? undefined : buildGitWorkspace(read, gitUrl)),
    ...present('priority', read.number('priority')),
    ...present('preemptible', read.boolean('preemptible')),
    ...present('constraints', read.map('constraint')),
    ...present('excludeHosts', read.list('excludeHost')),
    ...present('exclusive', read.boolean('exclusive')),
    ...present('waitForHosts', read.boolean('waitForHosts')),
    ...present('tags', read.list('tags')),
    ...present('warnBeforeMs', read.number('warnBefore')),
    ...present('warnSignal', read.text('warnSignal')),
    ...present('onDisconnect', read.text('onDisconnect') as OnDisconnect | undefined),
    ...present('queue', read.text('queue')),
    ...present('after', after),
  };
}

/** Flags that would do nothing are refused: a user who gave one expects an effect. */
function findIdleFields(
  read: ReadValues,
  gitUrl: string | undefined,
  path: string | undefined,
): FieldViolation[] {
  const idle: FieldViolation[] = [];
  if (gitUrl === undefined) {
    for (const key of ['workspaceRef', 'workspaceUsername', 'workspacePassword']) {
      if (read.get(key) !== undefined)
        idle.push({ path: key, reason: 'must come with a git URL as workspace' });
    }
  }
  if (path === undefined && read.get('ignoreFiles') !== undefined) {
    idle.push({ path: 'ignoreFiles', reason: 'must come with a folder as workspace' });
  }
  return idle;
}

function readAfter(read: ReadValues, invalid: FieldViolation[]): readonly Dependency[] | undefined {
  return read.list('after')?.flatMap((text) => {
    const parsed = parseAfter(text);
    if (!parsed.ok) invalid.push({ path: 'after', reason: parsed.reason });
    // A reference still: the controller puts the id in its place.
    return parsed.ok ? [{ ...parsed.value, on: parsed.value.on as JobId }] : [];
  });
}

function readArray(read: ReadValues, invalid: FieldViolation[]): ArrayRange | undefined {
  const text = read.text('array');
  if (text === undefined) return undefined;
  const parsed = parseArrayRange(text);
  if (parsed.ok) return parsed.value;
  invalid.push({ path: 'array', reason: parsed.reason });
  return undefined;
}

const isSaid = (raw: unknown): boolean =>
  raw !== undefined && raw !== null && !(Array.isArray(raw) && raw.length === 0);

/** Reads all values; unknown keys are violations too. Never throws. */
export function jobSpecFromFields(values: JobFieldValues): JobRequest | JobRequestRefusal {
  const invalid: FieldViolation[] = [];
  const unsupported: FieldViolation[] = [];
  const found = new Map<string, Value>();
  const known = new Set(JOB_FIELDS.map((field) => field.key));
  for (const key of Object.keys(values)) {
    if (!known.has(key)) invalid.push({ path: key.slice(0, 64), reason: 'is not a known field' });
  }
  for (const field of JOB_FIELDS) {
    const raw = Object.hasOwn(values, field.key) ? values[field.key] : undefined;
    if (!isSaid(raw)) continue;
    if (field.unsupported !== undefined) {
      // An object may refuse to be text.
      if (typeof raw !== 'object' && field.unsupported.neutral.includes(String(raw))) continue;
      unsupported.push({ path: field.key, reason: `is not supported: ${field.unsupported.hint}` });
      continue;
    }
    const value = readField(field, raw);
    if (value.ok) found.set(field.key, value.value);
    else invalid.push({ path: field.key, reason: value.reason });
  }
  const read = createReadValues(found);
  const workspace = read.text('workspace') ?? 'none';
  const gitUrl = isGitUrl(workspace) ? workspace : undefined;
  const workspacePath =
    workspace === 'none' || workspace === '' || gitUrl !== undefined ? undefined : workspace;
  invalid.push(...findIdleFields(read, gitUrl, workspacePath));
  const after = readAfter(read, invalid);
  const array = readArray(read, invalid);
  if (invalid.length > 0) {
    return {
      ok: false,
      kind: 'invalid',
      fields: [...invalid, ...unsupported],
      hint: 'correct what is named',
    };
  }
  if (unsupported.length > 0) {
    return { ok: false, kind: 'unsupported', fields: unsupported, hint: 'leave out what is not there yet' };
  }
  return {
    ok: true,
    input: buildInput(read, gitUrl, after),
    ...present('project', read.text('project')),
    ...present('workspacePath', workspacePath),
    ignoreFiles: read.list('ignoreFiles') ?? [],
    ...present('array', array),
    ...present('hold', read.boolean('hold')),
  };
}
