/** Aim: groups that follow the queue are those of a new look at it. Method: random lives of a queue, pauses included. */
import fc from 'fast-check';
import t from 'tap';
import { WaitingClasses } from '../../../../../controller/core/planning/waiting-classes.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import type { Job } from '../../../../../proto/domain/job.ts';
import { World } from '../../../../kit/stores-world.ts';

const keyOf = ({ spec }: Job): string => `${spec.priority}`;

function tell(waiting: WaitingClasses): string {
  const classes = [...waiting.classes.values()].map(
    ({ key, jobs }) => `${key} ${jobs.map(({ id }) => id).join()}`,
  );
  const byProject = [...waiting.byProject.values()].map((own) => own.size);
  classes.sort((a, b) => (a < b ? -1 : 1));
  return JSON.stringify([classes, byProject, [...waiting.paused.keys()].sort((a, b) => (a < b ? -1 : 1))]);
}

/** A queue of plain records, as the view offers it. */
class Queue {
  readonly #template: Job;
  jobs: Job[] = [];
  #count = 0;

  constructor() {
    const world = new World();
    this.#template = world.job(world.addJob({ waitForHosts: true }));
  }

  add(priority: number, createdAtMs: number, notBeforeMs: number): void {
    this.#count += 1;
    const id = `job_${this.#count}` as JobId;
    const spec = { ...this.#template.spec, priority };
    this.jobs.push({ ...this.#template, id, spec, createdAtMs, notBeforeMs });
    this.sort();
  }

  sort(sign = 1): void {
    this.jobs.sort(
      (a, b) =>
        sign * (b.spec.priority - a.spec.priority) || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1),
    );
  }

  get view() {
    const { jobs } = this;
    const find = (id: JobId): Job | undefined => jobs.find((job) => job.id === id);
    return { queue: () => jobs, job: find, isReady: (id: JobId) => find(id) !== undefined };
  }
}

t.test('followed or begun anew, the same groups', async (t) => {
  const step = fc.record({
    do: fc.constantFrom('add', 'add', 'remove', 'replace', 'turn', 'wait', 'back'),
    at: fc.integer({ min: 0, max: 9 }),
    priority: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, isBulky) => {
      const queue = new Queue();
      const kept = new WaitingClasses(keyOf);
      let nowMs = 1_000_000;
      for (const { do: what, at, priority } of steps) {
        const place = at % Math.max(1, queue.jobs.length);
        const job = queue.jobs[place];
        const times = isBulky ? 80 : 1;
        if (what === 'add')
          for (let time = 0; time < times; time += 1)
            queue.add(priority, nowMs + at, at === 0 ? nowMs + 5_000 : 0);
        if (what === 'remove') queue.jobs.splice(place, 1);
        if (what === 'replace' && job !== undefined)
          queue.jobs[place] = { ...job, notBeforeMs: nowMs + (at < 5 ? 3_000 : 10 ** 12) };
        if (what === 'turn') queue.sort(-1);
        if (what === 'wait') nowMs += 1_000 * at;
        if (what === 'back') nowMs -= 1_000 * at;
        kept.follow(queue.view, nowMs);
        const anew = new WaitingClasses(keyOf);
        anew.follow(queue.view, nowMs);
        if (tell(kept) !== tell(anew)) throw new Error(`kept ${tell(kept)}\nnew ${tell(anew)}`);
      }
    }),
    { numRuns: 300, seed: 9 },
  );
  t.pass();
});

t.test('a job whose key changed goes to another group', async (t) => {
  const queue = new Queue();
  queue.add(1, 1, 0);
  queue.add(1, 2, 0);
  const promised = new Set<JobId>();
  const waiting = new WaitingClasses((job) => (promised.has(job.id) ? job.id : keyOf(job)));
  waiting.follow(queue.view, 0);
  const [first, second] = queue.jobs.map(({ id }) => id);
  t.equal(waiting.classOf(first!), waiting.classOf(second!));
  promised.add(first!);
  waiting.rekey([first!, 'job_none' as JobId]);
  t.not(waiting.classOf(first!), waiting.classOf(second!));
});
