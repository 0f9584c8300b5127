/**
 * How each kind of record looks as a table and in `-o id`. Reads the documented JSON form only, so that what a
 * table shows is what JSON holds.
 */
import type { JsonRecord, RecordLook } from './records.ts';
import type { StyleName } from './style.ts';
import type { Column, DetailRow } from './table.ts';
import { formatAge, formatBytes, formatDuration, formatWait } from './units-text.ts';

type Cell = Column<JsonRecord>;

/** The value at a dotted path, as text; absent, null and empty are `-`. */
export function at(record: JsonRecord, path: string): string {
  const value = valueAt(record, path);
  if (value === undefined || value === null || value === '') return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function valueAt(record: JsonRecord, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], record);
}

function numberAt(record: JsonRecord, path: string): number | undefined {
  const value = valueAt(record, path);
  return typeof value === 'number' ? value : undefined;
}

function bytesAt(record: JsonRecord, path: string): string {
  const bytes = numberAt(record, path);
  return bytes === undefined ? '-' : formatBytes(bytes);
}

function listAt(record: JsonRecord, path: string): readonly JsonRecord[] {
  const value = valueAt(record, path);
  return Array.isArray(value) ? (value as JsonRecord[]) : [];
}

export const text = (header: string, path: string, more: Partial<Cell> = {}): Cell => ({
  header,
  value: (record) => at(record, path),
  ...more,
});
const bytes = (header: string, path: string, more: Partial<Cell> = {}): Cell => ({
  header,
  value: (record) => bytesAt(record, path),
  align: 'right',
  ...more,
});
export const age = (header: string, path: string, nowMs: number, more: Partial<Cell> = {}): Cell => ({
  header,
  value: (record) => formatAge(valueAt(record, path), nowMs),
  align: 'right',
  ...more,
});

const STATE_STYLES: Readonly<Record<string, StyleName>> = {
  running: 'cyan',
  starting: 'blue',
  queued: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'dim',
  ready: 'green',
  suspect: 'yellow',
  unknown: 'yellow',
  lost: 'red',
};
const byState = (record: JsonRecord): StyleName | undefined => STATE_STYLES[at(record, 'state')];

/** Where the newest attempt runs or ran. */
function lastHost(record: JsonRecord): string {
  const last = listAt(record, 'attempts').at(-1);
  return last === undefined ? '-' : hostOf(last);
}

/** Hosts go by their names; by its id one that is known no more. */
function hostOf(attempt: JsonRecord): string {
  const name = at(attempt, 'hostName');
  return name === '-' ? at(attempt, 'hostId') : name;
}

/** `tries again in 20s` while a failed job pauses before its next attempt; else empty. */
function pauseText(record: JsonRecord, nowMs: number): string {
  const leftMs = Date.parse(at(record, 'notBefore')) - nowMs;
  return at(record, 'state') === 'queued' && leftMs > 0 ? `tries again in ${formatWait(leftMs)}` : '';
}

function reasonText(record: JsonRecord, nowMs: number): string {
  if (isStopping(record)) return 'is being stopped';
  const pause = pauseText(record, nowMs);
  return pause === '' ? at(record, 'reasonMessage') : `${pause}: ${at(record, 'reasonMessage')}`;
}

function stateText(record: JsonRecord, nowMs: number): string {
  const more = isStopping(record) ? 'is being stopped' : pauseText(record, nowMs);
  return more === '' ? at(record, 'state') : `${at(record, 'state')}, ${more}`;
}

function gpusOf(record: JsonRecord, path: string): string {
  const milli = numberAt(record, path) ?? 0;
  return milli === 0 ? '-' : String(milli / 1000);
}

function runTime(record: JsonRecord, nowMs: number): string {
  const startedMs = Date.parse(at(record, 'startedAt'));
  if (Number.isNaN(startedMs)) return '-';
  const finishedMs = Date.parse(at(record, 'finishedAt'));
  return formatDuration((Number.isNaN(finishedMs) ? nowMs : finishedMs) - startedMs);
}

export const JOB_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: (nowMs) => [
    text('ID', 'id', { fixed: true }),
    text('NAME', 'name'),
    text('STATE', 'state', { style: byState }),
    { header: 'GPUS', value: (record) => gpusOf(record, 'spec.resources.gpuMilli'), align: 'right' },
    text('MACHINE TYPE', 'spec.machineType', { wide: true }),
    { header: 'HOST', value: lastHost, wide: true },
    { header: 'TIME', value: (record) => runTime(record, nowMs), align: 'right' },
    text('EXIT', 'exitCode', { align: 'right' }),
    age('AGE', 'createdAt', nowMs),
    text('BY', 'createdBy', { wide: true }),
    text('TAGS', 'tags', { wide: true }),
    { header: 'REASON', value: (record) => reasonText(record, nowMs) },
  ],
  details: jobDetails,
  none: 'no jobs',
};

/** Told to stop, and still inside its grace period. */
function isStopping(record: JsonRecord): boolean {
  return record['stopRequested'] === true && at(record, 'finishedAt') === '-';
}

function jobDetails(record: JsonRecord, nowMs: number): readonly DetailRow[] {
  const attempts = listAt(record, 'attempts');
  const position = numberAt(record, 'queuePosition') ?? 0;
  const command = valueAt(record, 'spec.command');
  return [
    ['ID', at(record, 'id')],
    ['Name', at(record, 'name')],
    ['State', stateText(record, nowMs)],
    ['Reason', `${at(record, 'reason')}: ${at(record, 'reasonMessage')}`],
    ...(position > 0 ? [['Queue position', String(position)] as const] : []),
    ['Exit code', at(record, 'exitCode')],
    ['Project', at(record, 'projectId')],
    ['Created by', at(record, 'createdBy')],
    ['Created', at(record, 'createdAt')],
    ['Started', at(record, 'startedAt')],
    ['Finished', at(record, 'finishedAt')],
    ['Run time', runTime(record, nowMs)],
    ['Image', at(record, 'spec.image')],
    ['Command', Array.isArray(command) ? JSON.stringify(command) : at(record, 'spec.command')],
    ['Machine type', at(record, 'spec.machineType')],
    ['GPUs', gpusOf(record, 'spec.resources.gpuMilli')],
    ['CPUs', String((numberAt(record, 'spec.resources.cpuMilli') ?? 0) / 1000)],
    ['Memory', bytesAt(record, 'spec.resources.memoryBytes')],
    ['Tags', at(record, 'tags')],
    ['Attempts', attempts.length === 0 ? '-' : attempts.map(attemptLine)],
  ];
}

function attemptLine(attempt: JsonRecord): string {
  const ports = listAt(attempt, 'ports').map(
    (port) => `${at(port, 'hostPort')}→${at(port, 'containerPort')}`,
  );
  const parts = [
    `#${at(attempt, 'number')}`,
    at(attempt, 'outcome') === '-' ? at(attempt, 'phase') : at(attempt, 'outcome'),
    `on ${hostOf(attempt)}`,
    at(attempt, 'gpuUuids') === '-' ? '' : `gpus ${at(attempt, 'gpuUuids')}`,
    ports.length === 0 ? '' : `ports ${ports.join(' ')}`,
    exitText(attempt),
    at(attempt, 'progress') === '-' ? '' : at(attempt, 'progress'),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function exitText(attempt: JsonRecord): string {
  if (valueAt(attempt, 'exit') === null || valueAt(attempt, 'exit') === undefined) return '';
  if (valueAt(attempt, 'exit.outOfMemory') === true) return 'out of memory';
  const code = numberAt(attempt, 'exit.code');
  const signal = numberAt(attempt, 'exit.signal') ?? 0;
  const how = code !== undefined ? `exit ${code}` : signal > 0 ? `signal ${signal}` : 'not started';
  const message = at(attempt, 'exit.message');
  return message === '-' ? how : `${how} (${message})`;
}

export const PROJECT_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: (nowMs) => [
    text('ID', 'id', { fixed: true }),
    text('NAME', 'name'),
    text('DESCRIPTION', 'description'),
    text('TAGS', 'tags'),
    text('BY', 'createdBy', { wide: true }),
    age('AGE', 'createdAt', nowMs),
  ],
  none: 'no projects',
};

export const SECRET_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: (nowMs) => [
    text('NAME', 'name', { fixed: true }),
    {
      header: 'SCOPE',
      value: (record) => (at(record, 'projectId') === '-' ? 'cluster' : at(record, 'projectId')),
    },
    text('BY', 'createdBy'),
    age('UPDATED', 'updatedAt', nowMs),
    text('ID', 'id', { wide: true }),
  ],
  none: 'no secrets',
};

export const MACHINE_TYPE_LOOK: RecordLook = {
  id: (record) => at(record, 'name'),
  columns: () => [
    text('NAME', 'name', { fixed: true }),
    text('GPUS', 'capacity.gpuCount', { align: 'right' }),
    text('MODEL', 'capacity.gpuModel'),
    bytes('GPU MEMORY', 'capacity.gpuMemoryBytes', { wide: true }),
    {
      header: 'CPUS',
      value: (record) => String((numberAt(record, 'capacity.cpuMilli') ?? 0) / 1000),
      align: 'right',
    },
    bytes('MEMORY', 'capacity.memoryBytes'),
    text('HOSTS', 'hostCount', { align: 'right' }),
    text('ALIASES', 'aliases'),
    {
      header: 'FROM',
      value: (record) => (valueAt(record, 'derived') === true ? 'inventory' : 'operator'),
      wide: true,
    },
    text('DESCRIPTION', 'description', { wide: true }),
  ],
  none: 'no machine types: they appear when a host registers',
};

/** `used/all` of a capacity. */
const usage = (
  header: string,
  key: string,
  show: (value: number) => string,
  more: Partial<Cell> = {},
): Cell => ({
  header,
  value: (record) =>
    `${show(numberAt(record, `allocated.${key}`) ?? 0)}/${show(numberAt(record, `capacity.${key}`) ?? 0)}`,
  align: 'right',
  ...more,
});

export const HOST_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: (nowMs) => [
    text('NAME', 'name', { fixed: true }),
    text('ID', 'id', { wide: true }),
    { header: 'STATE', value: hostStateOf, style: byState },
    usage('GPUS', 'gpuCount', String),
    { header: 'MODEL', value: modelOf },
    usage('CPUS', 'cpuMilli', (milli) => String(milli / 1000)),
    usage('MEMORY', 'memoryBytes', formatBytes),
    text('TASKS', 'runningTasks', { align: 'right' }),
    { header: 'LABELS', value: labelsOf, wide: true },
    text('DRIVERS', 'drivers', { wide: true }),
    text('CPU %', 'telemetry.cpuPercent', { wide: true, align: 'right' }),
    text('OS', 'os', { wide: true }),
    text('AGENT', 'agentVersion', { wide: true }),
    text('CORDONED BY', 'cordon.createdBy', { wide: true }),
    text('CORDONED FOR', 'cordon.reason', { wide: true }),
    text('DRAIN BY', 'drain.deadline', { wide: true }),
    text('CERTIFICATE UNTIL', 'identity.certificateExpiresAt', { wide: true }),
    age('SEEN', 'lastSeenAt', nowMs),
    { header: 'CONDITIONS', value: (record) => conditionCodes(record) },
  ],
  none: 'no hosts: start an agent, or nabla up for a local cluster',
};

/** Liveness and what operators ordered: `ready, draining until …`. */
function hostStateOf(record: JsonRecord): string {
  const words = [at(record, 'state')];
  if (at(record, 'identity.revoked') === 'true') words.push('revoked');
  const isDraining = record['drain'] !== null && record['drain'] !== undefined;
  if (isDraining) words.push(numberAt(record, 'runningTasks') === 0 ? 'drained' : 'draining');
  else if (record['cordon'] !== null && record['cordon'] !== undefined) words.push('cordoned');
  return words.join(', ');
}

function labelsOf(record: JsonRecord): string {
  const labels = Object.entries((record['labels'] ?? {}) as Readonly<Record<string, unknown>>);
  return labels.length === 0 ? '-' : labels.map(([key, value]) => `${key}=${String(value)}`).join(',');
}

/** Simulated GPUs are never shown as real ones. */
function modelOf(record: JsonRecord): string {
  const simulated = listAt(record, 'gpus').some((gpu) => gpu['simulated'] === true);
  const model = at(record, 'capacity.gpuModel');
  return simulated && !/simulated/i.test(model) ? `${model} (simulated)` : model;
}

function conditionCodes(record: JsonRecord): string {
  const codes = listAt(record, 'conditions').map((condition) => at(condition, 'code'));
  return codes.length === 0 ? '-' : codes.join(',');
}

export const GPU_LOOK: RecordLook = {
  id: (record) => at(record, 'uuid'),
  columns: () => [
    text('UUID', 'uuid', { fixed: true }),
    text('HOST', 'hostName'),
    text('INDEX', 'index', { align: 'right' }),
    {
      header: 'MODEL',
      // A simulated GPU must not lose the word that says so.
      precious: true,
      value: (record) => {
        const model = at(record, 'model');
        return record['simulated'] === true && !/simulated/i.test(model) ? `${model} (simulated)` : model;
      },
    },
    bytes('MEMORY', 'memoryBytes'),
    bytes('USED', 'telemetry.memoryUsedBytes'),
    text('LOAD %', 'telemetry.utilizationPercent', { align: 'right' }),
    text('°C', 'telemetry.temperatureCelsius', { align: 'right' }),
    text('WATTS', 'telemetry.powerWatts', { align: 'right', wide: true }),
    text('BUS', 'pciBusId', { wide: true }),
    { header: 'FIT', value: (record) => (record['schedulable'] === true ? 'yes' : 'no') },
    text('JOB', 'jobId'),
    { header: 'CONDITIONS', value: conditionCodes },
  ],
  none: 'no GPUs',
};

export const ARTIFACT_LOOK: RecordLook = {
  id: (record) => at(record, 'path'),
  columns: (nowMs) => [
    text('PATH', 'path', { fixed: true }),
    bytes('SIZE', 'sizeBytes'),
    age('AGE', 'modifiedAt', nowMs),
    text('ATTEMPT', 'attempt', { align: 'right' }),
    text('SHA256', 'sha256', { wide: true }),
  ],
  none: 'no artifacts',
};

/** What happened to hosts is told of their names. */
function subjectOf(record: JsonRecord): string {
  const isHost = at(record, 'type').startsWith('host-') && at(record, 'fields.name') !== '-';
  return at(record, isHost ? 'fields.name' : 'subject');
}

function eventMessage(record: JsonRecord): string {
  const host = at(record, 'fields.hostName');
  const message = at(record, 'message');
  return host === '-' ? message : `${message.replace(/ on a host$/, '')} on ${host}`;
}

export const EVENT_LOOK: RecordLook = {
  id: (record) => at(record, 'seq'),
  columns: () => [
    text('SEQ', 'seq', { align: 'right' }),
    // Seconds do for people; JSON has the whole.
    {
      header: 'TIME',
      value: (record) => at(record, 'time').replace(/^(.{10})T(.{8}).*$/, '$1 $2Z'),
      fixed: true,
    },
    text('TYPE', 'type'),
    { header: 'SUBJECT', value: subjectOf },
    text('BY', 'principal', { wide: true }),
    text('PROJECT', 'projectId', { wide: true }),
    { header: 'MESSAGE', value: eventMessage, precious: true },
  ],
  none: 'no events',
};
