/**
 * Reservations: hosts or GPUs that only one project may use for a time.
 */
import { reservationJson } from '../../../proto/domain/scheduling-json.ts';
import { type Parsed, parseDuration, parseGpus } from '../../../proto/domain/units.ts';
import { RESERVATION_LOOK } from '../../render/scheduling-looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import { PROJECT_FIELD } from '../global-fields.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { usageError } from '../usage-error.ts';
import { readFlag } from './quantity.ts';

export const RESERVATIONS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['reservations', 'list'],
    aliases: ['ls'],
    summary: 'List reservations of the projects that you see',
    examples: ['nabla reservations list'],
    fields: [PROJECT_FIELD],
    output: 'list',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      const page = await client.reservations.list(
        context.values.text('project') ?? '',
        listOptionsOf(context),
      );
      await printPage(context, page, reservationJson, RESERVATION_LOOK);
      return 0;
    },
  },
  {
    path: ['reservations', 'create'],
    summary: 'Set hosts, or a number of GPUs, aside for a project',
    examples: [
      'nabla reservations create course --project vision --host gpu-07 --for 8h',
      'nabla reservations create demo --project vision --gpus 4 --from 2026-03-01T08:00Z --for 2d',
    ],
    arguments: [{ name: 'name', doc: 'name of the reservation', flags: ['name'] }],
    fields: [
      { ...PROJECT_FIELD, doc: 'project that may use them' },
      { name: 'host', type: 'list', doc: 'host to set aside (id or name)', completes: 'host' },
      {
        name: 'gpus',
        type: 'text',
        placeholder: 'N',
        doc: 'whole GPUs to set aside anywhere, instead of hosts',
      },
      { name: 'gpuModel', type: 'text', placeholder: 'MODEL', default: 'any', doc: 'model of those GPUs' },
      { name: 'from', type: 'text', placeholder: 'TIME', default: 'now', doc: 'when it begins, ISO 8601' },
      { name: 'to', type: 'text', placeholder: 'TIME', doc: 'when it ends, ISO 8601' },
      { name: 'for', type: 'text', placeholder: 'DURATION', doc: 'how long it lasts, instead of --to' },
    ],
    output: 'record',
    run: createReservation,
  },
  {
    path: ['reservations', 'delete'],
    aliases: ['rm'],
    summary: 'Delete a reservation',
    examples: ['nabla reservations delete course'],
    arguments: [{ name: 'reservation', doc: 'id or name', completes: 'reservation' }],
    output: 'text',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await client.reservations.delete(context.argument('reservation'));
      context.note(`deleted reservation ${context.argument('reservation')}`);
      return 0;
    },
  },
];

async function createReservation(context: CommandContext): Promise<number> {
  const { values } = context;
  const gpuMilli = readFlag(context, 'gpus', parseGpus) ?? 0;
  const startMs = readFlag(context, 'from', parseTime) ?? 0;
  const until = readFlag(context, 'to', parseTime);
  const lengthMs = readFlag(context, 'for', parseDuration);
  if ((until === undefined) === (lengthMs === undefined)) {
    throw usageError(
      'FLAGS_INVALID',
      'either --to or --for must be given',
      'say when it ends, or how long it lasts',
      [{ path: '--to', reason: 'must be given, or --for instead' }],
    );
  }
  const client = await (await context.connect()).scheduling();
  const reservation = await client.reservations.create({
    name: context.argument('name'),
    project: await context.requireProject(),
    hosts: values.list('host'),
    gpuMilli,
    gpuModel: values.text('gpuModel') ?? '',
    startMs,
    endMs: until ?? (startMs === 0 ? Date.now() : startMs) + (lengthMs ?? 0),
  });
  await context.printRecord(reservationJson(reservation), RESERVATION_LOOK);
  return 0;
}

/** A time with its zone, or it would mean another one on another machine. */
function parseTime(text: string): Parsed<number> {
  const isZoned = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const timeMs = isZoned ? Date.parse(text) : Number.NaN;
  if (Number.isSafeInteger(timeMs) && timeMs > 0) return { ok: true, value: timeMs };
  return { ok: false, reason: 'must be a time such as 2026-03-01T08:00Z, or a day in UTC' };
}
