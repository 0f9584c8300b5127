/**
 * Aim: people read names and times where JSON has ids and instants. Method: records of JSON form through their looks.
 */
import t from 'tap';
import { EVENT_LOOK, JOB_LOOK } from '../../../../cli/render/looks.ts';
import type { JsonRecord, RecordLook } from '../../../../cli/render/records.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00.000Z');

function cell(look: RecordLook, header: string, record: JsonRecord): string {
  const column = look.columns(NOW_MS).find((candidate) => candidate.header === header);
  return column?.value(record) ?? `no column ${header}`;
}

function detail(record: JsonRecord, name: string): string {
  const [, value] = JOB_LOOK.details?.(record, NOW_MS).find(([found]) => found === name) ?? [name, ''];
  return typeof value === 'string' ? value : value.join('\n');
}

t.test('hosts go by their names, by their ids when they are known no more', async (t) => {
  const attempt = { number: 1, phase: 'running', hostId: 'host_1', hostName: 'gpu-7' };
  const job = { state: 'running', attempts: [attempt] };
  t.equal(cell(JOB_LOOK, 'HOST', job), 'gpu-7');
  t.match(detail(job, 'Attempts'), /on gpu-7/);
  const forgotten = { ...job, attempts: [{ ...attempt, hostName: null }] };
  t.equal(cell(JOB_LOOK, 'HOST', forgotten), 'host_1');
  t.match(detail(forgotten, 'Attempts'), /on host_1/);
});

t.test('a job that pauses before its next attempt says for how long', async (t) => {
  const job = {
    state: 'queued',
    reasonMessage: 'exited with code 1',
    notBefore: '2026-01-01T00:00:19.400Z',
    attempts: [],
  };
  t.equal(detail(job, 'State'), 'queued, tries again in 20s');
  t.equal(cell(JOB_LOOK, 'REASON', job), 'tries again in 20s: exited with code 1');
  t.equal(detail({ ...job, notBefore: '2025-12-31T23:59:59.000Z' }, 'State'), 'queued', 'the pause is over');
  t.equal(detail({ ...job, notBefore: null }, 'State'), 'queued');
});

t.test('events tell which host', async (t) => {
  const placed = {
    type: 'attempt-placed',
    subject: 'job_1',
    message: 'an attempt was placed on a host',
    fields: { hostId: 'host_1', hostName: 'gpu-7' },
  };
  t.equal(cell(EVENT_LOOK, 'MESSAGE', placed), 'an attempt was placed on gpu-7');
  t.equal(cell(EVENT_LOOK, 'SUBJECT', placed), 'job_1');
  const { hostName: _name, ...unknown } = placed.fields;
  t.equal(cell(EVENT_LOOK, 'MESSAGE', { ...placed, fields: unknown }), 'an attempt was placed on a host');
  const joined = {
    type: 'host-registered',
    subject: 'host_1',
    message: 'a host joined',
    fields: { name: 'gpu-7' },
  };
  t.equal(cell(EVENT_LOOK, 'SUBJECT', joined), 'gpu-7');
});
