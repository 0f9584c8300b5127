/** How an explanation of a waiting job and the plan of a dry run look to people. */
import { at, text } from './looks.ts';
import type { JsonRecord, RecordLook } from './records.ts';
import type { DetailRow } from './table.ts';
import { formatWait } from './units-text.ts';

const listAt = (record: JsonRecord, key: string): readonly JsonRecord[] =>
  (record[key] ?? []) as readonly JsonRecord[];
const numberAt = (record: JsonRecord, key: string): number => Number(record[key] ?? 0);
const recordAt = (record: JsonRecord, key: string): JsonRecord => (record[key] ?? {}) as JsonRecord;

export const EXPLANATION_LOOK: RecordLook = {
  id: (record) => at(record, 'code'),
  columns: () => [text('JOB', 'jobId', { fixed: true }), text('CODE', 'code'), text('MESSAGE', 'message')],
  details: explanationRows,
  none: '',
};

function explanationRows(record: JsonRecord, nowMs: number): readonly DetailRow[] {
  const about: readonly DetailRow[] = [
    ['Job', at(record, 'jobId')],
    ['State', at(record, 'state')],
    ['Reason', `${at(record, 'code')}: ${at(record, 'message')}`],
  ];
  if (at(record, 'state') !== 'queued') return about;
  const hosts = listAt(record, 'hosts').flatMap(groupLines);
  return [
    ...about,
    ['Queue', placeLine(record)],
    ['Start', startLine(record, nowMs)],
    ...jobsRow('Stopped for it', recordAt(record, 'victims')),
    ...jobsRow('Held by', recordAt(record, 'holders')),
    ['Hosts', hosts.length === 0 ? 'none' : hosts],
    ['Sooner', changeLines(record, nowMs)],
  ];
}

function placeLine(record: JsonRecord): string {
  const position = numberAt(record, 'position');
  const queue = at(record, 'queue');
  if (position === 0)
    return `${queue}, not among the ${numberAt(record, 'readyCount')} that only wait for room`;
  const ahead = recordAt(record, 'ahead');
  const before = jobsText(ahead);
  const place = `${queue}, ${position} of ${numberAt(record, 'readyCount')}`;
  return before === '' ? place : `${place}; before it ${before}`;
}

function startLine(record: JsonRecord, nowMs: number): string {
  if (record['unknownBecause'] !== null) return `unknown, because ${at(record, 'unknownBecause')}`;
  const { estimate } = record;
  return estimate === null ? 'at once' : estimateText(recordAt(record, 'estimate'), nowMs);
}

/** `in about 2h, by the time limits of what runs`. */
function estimateText(estimate: JsonRecord, nowMs: number): string {
  const leftMs = Date.parse(at(estimate, 'startAt')) - nowMs;
  return `in about ${formatWait(leftMs)}, ${at(estimate, 'basis')}`;
}

/** Names first: whoever wants all of them reads JSON. */
const NAMED_MAX = 4;

/** `job_a, job_b and 3 more; 2 of other projects`; empty: there are none. */
function jobsText(jobs: JsonRecord): string {
  const ids = (jobs['jobIds'] ?? []) as readonly string[];
  const visible = numberAt(jobs, 'visibleCount');
  const hidden = numberAt(jobs, 'hiddenCount');
  const named = ids.slice(0, NAMED_MAX).join(', ');
  const more = visible - Math.min(ids.length, NAMED_MAX);
  const own = more > 0 ? `${named} and ${more} more` : named;
  const others = hidden === 0 ? '' : `${hidden} of other projects`;
  return [own, others].filter((part) => part !== '').join('; ');
}

function jobsRow(label: string, jobs: JsonRecord): readonly DetailRow[] {
  const told = jobsText(jobs);
  return told === '' ? [] : [[label, told]];
}

/** What they say, then who they are. */
function groupLines(group: JsonRecord): readonly string[] {
  const count = numberAt(group, 'hostCount');
  const names = group['hostNames'] as readonly string[];
  const more = count - names.length;
  const listed = `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const whose = count === 1 ? '1 host' : `each of ${count} hosts`;
  return [`${whose} ${at(group, 'message')} (${at(group, 'code')})`, `  ${listed}`];
}

function changeLines(record: JsonRecord, nowMs: number): string | readonly string[] {
  const lines = listAt(record, 'changes').flatMap((change) => [
    changeLine(change, nowMs),
    `  ${howText(change, at(record, 'jobId'))}`,
  ]);
  const rest = record['incomplete'] === true ? ['there was more to try than one answer may cost'] : [];
  const all = [...lines, ...rest];
  return all.length === 0 ? 'no change was found that would start it sooner' : all;
}

function changeLine(change: JsonRecord, nowMs: number): string {
  const when = change['startsNow'] === true ? 'at once' : estimateText(recordAt(change, 'estimate'), nowMs);
  return `${at(change, 'message')}: ${when}`;
}

function howText(change: JsonRecord, jobId: string): string {
  if (at(change, 'kind') === 'release') return `nabla jobs release ${jobId}`;
  const flags = at(change, 'flags');
  if (change['inPlace'] === true) return `nabla jobs update ${jobId} ${flags}`;
  return flags === '-' ? 'submit it anew' : `submit it anew with ${flags}`;
}

/** Of a dry run: what `plan` says. */
export const PLAN_LOOK: RecordLook = {
  id: (record) => at(record, 'plan.hostId'),
  columns: () => [text('HOST', 'plan.hostName'), text('REASON', 'plan.reason')],
  details: (record, nowMs) => planRows(recordAt(record, 'plan'), nowMs),
  none: '',
};

function planRows(plan: JsonRecord, nowMs: number): readonly DetailRow[] {
  const fits = plan['fitsNow'] === true;
  const elements = numberAt(plan, 'elements');
  const gpus = plan['gpuUuids'] as readonly string[];
  const position = numberAt(plan, 'position');
  return [
    ['Starts now', fits ? 'yes' : 'no'],
    ['Reason', `${at(plan, 'reason')}: ${at(plan, 'reasonMessage')}`],
    ...(fits ? [['Host', at(plan, 'hostName')] as const] : []),
    ...(fits ? [['GPUs', gpus.length === 0 ? 'none' : gpus] as const] : []),
    ...(elements > 1 ? [['Elements', elementsText(plan)] as const] : []),
    ...(position > 0 ? [['Queue position', String(position)] as const] : []),
    ...(fits ? [] : [['Start', startLine(plan, nowMs)] as const]),
    ...jobsRow('Stopped for it', recordAt(plan, 'displaced')),
    ['Stored', 'nothing: this was a dry run'],
  ];
}

function elementsText(plan: JsonRecord): string {
  return `${numberAt(plan, 'elementsStarting')} of ${numberAt(plan, 'elements')} start at once`;
}
