/**
 * Aim: a refusal of the controller names what people wrote. Method: refusals as the controller makes them, against the
 * commands that they answer.
 */
import t from 'tap';
import type { CommandSpec } from '../../../../cli/command/command-tree.ts';
import { JOBS_COMMANDS } from '../../../../cli/command/jobs/jobs-commands.ts';
import { nameRequest } from '../../../../cli/command/name-request.ts';
import { queryList } from '../../../../proto/domain/list-query.ts';
import { JOB_LIST } from '../../../../proto/domain/record-list.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import { caught } from '../../../kit/caught.ts';

function command(verb: string): CommandSpec {
  const found = JOBS_COMMANDS.find(({ path }) => path[1] === verb);
  if (found === undefined) throw new Error(`no command ${verb}`);
  return found;
}

const refusal = (path: string, reason: string) =>
  new ClusterError('invalid', 'REQUEST_INVALID', `${path} ${reason}`, {
    fields: [{ path, reason }],
    hint: 'h',
  });

t.test('fields become the flags that fill them', async (t) => {
  t.match(nameRequest(refusal('tailLines', 'must be between 0 and 9'), command('logs')), {
    message: '--tail must be between 0 and 9',
    fields: [{ path: '--tail', reason: 'must be between 0 and 9' }],
    code: 'REQUEST_INVALID',
  });
  t.match(nameRequest(refusal('attempt', 'is wrong'), command('logs')), { message: '--attempt is wrong' });
  const other = refusal('tailLines', 'is wrong');
  t.equal(nameRequest(other, command('list')), other, 'a command without such a flag keeps the field');
});

t.test('lists name --filter and --sort, and ask back for the nearest word', async (t) => {
  const listed = (options: Parameters<typeof queryList>[1]) =>
    nameRequest(
      caught(() => queryList({ ...JOB_LIST, records: [] }, options)),
      command('list'),
    );
  t.match(listed({ filters: ['state=runing'] }), {
    message: '--filter names no known value of state: runing',
    hint: /^did you mean running\? known values: queued, starting, /,
  });
  t.match(listed({ filters: ['state=done'] }), { hint: /^known values: queued/ });
  t.match(listed({ filters: ['staet=queued'] }), { hint: /^did you mean state\? known paths: id/ });
  t.match(listed({ sort: '-startdAt' }), { message: /^--sort names no known path/, hint: /mean startedAt/ });
  t.match(listed({ limit: 5000 }), { message: '--limit must be between 1 and 1000' });
});

t.test('other errors stay as they are', async (t) => {
  const mine = new ClusterError('invalid', 'FLAGS_INVALID', 'm', {
    fields: [{ path: 'limit', reason: 'r' }],
  });
  for (const error of [mine, new Error('x'), undefined]) t.equal(nameRequest(error, command('list')), error);
});
