/** Aim: the small questions about records. Method: one case per answer. */
import t from 'tap';
import type { AttemptRecord, JobRecord } from '../../../../../controller/core/job/model.ts';
import {
  endedByInfrastructure,
  holdsResources,
  isWanted,
  latestAttempt,
  runAttemptsMax,
} from '../../../../../controller/core/job/model.ts';
import { aJob, aJobSpec, anAttempt, anExit } from '../../../../kit/builders.ts';

const attempt = (part: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...anAttempt(),
  driver: 'process',
  gpusSimulated: false,
  projectName: 'default',
  secretIds: [],
  graceMs: 30_000,
  orderedSeq: 1,
  seenBootId: '',
  forgotten: false,
  ...part,
});
const job = (part: Partial<JobRecord> = {}): JobRecord => ({
  ...aJob(),
  attempts: [],
  notBeforeMs: 0,
  retriesUsed: 0,
  ...part,
});

t.test('the latest attempt is the last one', async (t) => {
  t.equal(latestAttempt(job()), undefined);
  t.equal(latestAttempt(job({ attempts: [attempt(), attempt({ number: 2 })] }))?.number, 2);
});

t.test('resources are held until proof of stop', async (t) => {
  t.ok(holdsResources(attempt({ phase: 'ended' })), 'an end alone frees nothing');
  t.notOk(holdsResources(attempt({ phase: 'ended', released: true })));
});

t.test(
  'a host is told about an attempt until it is ended, released and archived, or forgotten',
  async (t) => {
    t.ok(isWanted(attempt()));
    t.ok(isWanted(attempt({ phase: 'ended', released: true })));
    t.ok(isWanted(attempt({ phase: 'ended', logArchived: true })));
    t.notOk(isWanted(attempt({ phase: 'ended', released: true, logArchived: true })));
    t.notOk(isWanted(attempt({ phase: 'ended', released: true, forgotten: true })));
    t.ok(
      isWanted(attempt({ phase: 'finalizing', released: true, logArchived: true })),
      'it has not ended yet',
    );
  },
);

t.test('attempts of every kind are capped, and each retry by hand grants one more', async (t) => {
  const spec = { ...aJobSpec(), maxRunAttempts: 3 };
  t.equal(runAttemptsMax(job({ spec })), 3);
  t.equal(runAttemptsMax(job({ spec, manualRetries: 2 })), 5);
  t.equal(runAttemptsMax(job({ spec: { ...spec, maxRunAttempts: 0 } })), 10, 'the default');
});

t.test('infrastructure failures are told from the user’s', async (t) => {
  t.ok(endedByInfrastructure(attempt({ outcome: 'lost' })));
  t.ok(endedByInfrastructure(attempt({ outcome: 'preempted' })));
  t.ok(endedByInfrastructure(attempt({ outcome: 'failed', exit: anExit({ verdict: 'gpu' }) })));
  t.notOk(endedByInfrastructure(attempt({ outcome: 'failed', exit: anExit({ verdict: 'image' }) })));
});
