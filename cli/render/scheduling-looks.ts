/** How arrays, queues, quotas, the policy, reservations and usage look as a table and in `-o id`. */
import { age, at, text } from './looks.ts';
import type { JsonRecord, RecordLook } from './records.ts';
import type { DetailRow } from './table.ts';
import { formatBytes, formatDuration } from './units-text.ts';

type Part = Readonly<Record<string, unknown>>;

export const ARRAY_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: () => [text('ARRAY', 'id', { fixed: true }), text('JOBS', 'count', { align: 'right' })],
  details: (record) => [
    ['array', at(record, 'id')],
    ['jobs', at(record, 'count')],
    ['first', at(record, 'jobIds.0')],
    ['last', (record['jobIds'] as readonly string[]).at(-1) ?? '-'],
  ],
  none: 'no arrays',
};

const orNone = (value: unknown, show: (amount: number) => string = String): string =>
  typeof value === 'number' && value > 0 ? show(value) : '-';
const gpus = (milli: number): string => String(milli / 1000);

function limitOf(record: JsonRecord, key: string, show?: (amount: number) => string): string {
  return orNone((record['limits'] as Part)[key], show);
}

function pairsOf(record: JsonRecord, key: string): string {
  const pairs = Object.entries(record[key] as Readonly<Record<string, string>>);
  return pairs.length === 0 ? '-' : pairs.map(([name, value]) => `${name}=${value}`).join(',');
}

export const QUEUE_LOOK: RecordLook = {
  id: (record) => at(record, 'name'),
  columns: (nowMs) => [
    text('NAME', 'name', { fixed: true }),
    text('BAND', 'priorityBand', { align: 'right' }),
    text('WAITING', 'waiting', { align: 'right' }),
    text('RUNNING', 'running', { align: 'right' }),
    { header: 'TIME LIMIT', value: (record) => limitOf(record, 'timeLimitMs', formatDuration) },
    { header: 'GPUS/JOB', value: (record) => limitOf(record, 'gpuMilliPerJob', gpus), align: 'right' },
    { header: 'RUNNING/USER', value: (record) => limitOf(record, 'runningPerUser'), align: 'right' },
    { header: 'JOBS/USER', value: (record) => limitOf(record, 'jobsPerUser'), align: 'right' },
    { header: 'PROJECTS', value: projectsOf, wide: true },
    { header: 'HOSTS', value: (record) => pairsOf(record, 'hostSelector'), wide: true },
    age('AGE', 'createdAt', nowMs, { wide: true }),
    text('DESCRIPTION', 'description'),
  ],
  none: 'no queues',
};

/** Who sees none of the projects that a queue takes must not read that it takes all. */
function projectsOf(record: JsonRecord): string {
  if (record['restricted'] !== true) return 'all';
  const shown = record['allowedProjects'] as readonly string[];
  return shown.length === 0 ? 'others' : shown.join(',');
}

function amount(resource: string, value: unknown): string {
  if (typeof value !== 'number') return '-';
  return resource === 'memory' ? formatBytes(value) : String(value / 1000);
}

/** `gpu 4 to 8, memory 64 GiB`. */
function sharesOf(record: JsonRecord): string {
  const shares = record['shares'] as readonly Part[];
  const parts = shares.map(({ resource, guaranteed, limit }) => {
    const name = String(resource);
    const most = limit === null ? '' : ` to ${amount(name, limit)}`;
    return `${name} ${amount(name, guaranteed)}${most}`;
  });
  return parts.length === 0 ? '-' : parts.join(', ');
}

export const QUOTA_LOOK: RecordLook = {
  id: (record) => at(record, 'name'),
  columns: (nowMs) => [
    {
      header: 'NAME',
      value: (record) => at(record, record['kind'] === 'project' ? 'projectName' : 'name'),
      fixed: true,
    },
    text('KIND', 'kind'),
    text('PARENT', 'parent'),
    text('WEIGHT', 'weight', { align: 'right' }),
    { header: 'GUARANTEED TO LIMIT', value: sharesOf },
    text('BY', 'updatedBy', { wide: true }),
    age('CHANGED', 'updatedAt', nowMs, { wide: true }),
  ],
  none: 'no quotas',
};

export const POLICY_LOOK: RecordLook = {
  id: (record) => at(record, 'version'),
  columns: (nowMs) => [
    text('VERSION', 'version', { align: 'right', fixed: true }),
    text('BY', 'setBy'),
    age('AGE', 'setAt', nowMs),
    text('NOTE', 'note'),
  ],
  details: (record) => [
    ['version', at(record, 'version')],
    ['by', at(record, 'setBy')],
    ['note', at(record, 'note')],
    ...Object.entries(record['settings'] as Part).map(([label, value]): DetailRow => [label, String(value)]),
  ],
  none: 'no versions of the policy',
};

export const RESERVATION_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: () => [
    text('NAME', 'name', { fixed: true }),
    text('PROJECT', 'projectId'),
    text('FROM', 'startAt'),
    text('TO', 'endAt'),
    text('HOSTS', 'hostIds'),
    { header: 'GPUS', value: (record) => orNone(record['gpuMilli'], gpus), align: 'right' },
    text('MODEL', 'gpuModel'),
    text('ID', 'id'),
    text('BY', 'createdBy', { wide: true }),
  ],
  none: 'no reservations',
};

export const USAGE_LOOK: RecordLook = {
  id: (record) =>
    [at(record, 'projectId'), at(record, 'user'), at(record, 'queue'), at(record, 'day')].join(' '),
  columns: () => [
    text('DAY', 'day'),
    {
      header: 'PROJECT',
      value: (record) =>
        record['projectName'] === null ? at(record, 'projectId') : at(record, 'projectName'),
    },
    text('USER', 'user'),
    text('QUEUE', 'queue'),
    text('GPU-HOURS', 'gpuHours', { align: 'right' }),
    text('ATTEMPTS', 'attempts', { align: 'right' }),
  ],
  none: 'no usage in that time',
};
