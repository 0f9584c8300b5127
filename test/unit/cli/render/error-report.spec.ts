/**
 * Aim: a failure is told once: what is wrong, and what to do. Method: errors in, the text for stderr out.
 */
import t from 'tap';
import { renderError } from '../../../../cli/render/error-report.ts';
import { createStyle } from '../../../../cli/render/style.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';

function told(error: ClusterError): string {
  return renderError(error, {
    asJson: false,
    style: createStyle(false),
    withStack: false,
  });
}

t.test('a field that the message or the hint tells is not told again', async (t) => {
  const fields = [{ path: '--gpus', reason: 'asks for 99 GPUs' }];
  const error = new ClusterError('precondition', 'X', '--gpus asks for 99 GPUs', {
    fields,
    hint: 'ask for less',
  });
  t.equal(told(error), 'error: --gpus asks for 99 GPUs\nhint: ask for less\n');
  const absent = new ClusterError('unsupported', 'X', '--array is not supported', {
    fields: [{ path: '--array', reason: 'is not supported: submit one by one' }],
    hint: 'submit one by one',
  });
  t.equal(told(absent), 'error: --array is not supported\nhint: submit one by one\n');
});

t.test('several fields are all told', async (t) => {
  const fields = [
    { path: '--gpus', reason: 'is too large' },
    { path: '--cpus', reason: 'is too small' },
  ];
  const error = new ClusterError('invalid', 'X', 'the job is not valid', { fields, hint: 'correct them' });
  t.equal(
    told(error),
    'error: the job is not valid\n  --gpus: is too large\n  --cpus: is too small\nhint: correct them\n',
  );
});

t.test('details that the hint lists are left to the hint', async (t) => {
  const error = new ClusterError('invalid', 'X', 'more than one job matches', {
    hint: 'write more of the id: job_1, job_2',
    details: { ref: 'job', matches: 'job_1,job_2' },
  });
  t.equal(
    told(error),
    'error: more than one job matches (ref: job)\nhint: write more of the id: job_1, job_2\n',
  );
});
