/**
 * What a planner keeps from one plan to the next, so that a plan costs what changed. Little of it decides what may run:
 * without it, as after a start of the controller, the next look at the whole queue finds it again, except for what was
 * learned of the work that comes, and for who was promised the room of evicted work.
 */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { learnedWorkload, settledWorkload, type Workload } from '../packing/workload.ts';
import type { PlanInput, WaitReason } from '../planner.ts';
import type { PendingJob } from '../scheduling/pass-jobs.ts';
import { RunningBook } from '../scheduling/running-book.ts';
import type { ClusterView } from '../view.ts';
import { FitTables } from './fit-tables.ts';
import { FleetChooser } from './fleet-chooser.ts';
import { LiveRooms } from './live-rooms.ts';
import { followContext, type PlanningContext } from './planning-context.ts';
import { ReadyTimes } from './ready-times.ts';
import { listRunning } from './running-on-host.ts';
import { ShapeNumbers } from './shape-numbers.ts';
import { type JobClass, WaitingClasses } from './waiting-classes.ts';
import { keyOf, toPending, type WaitingSources } from './waiting-job.ts';

/** Whoever waits longer for evicted work to go loses its place before all others. */
export const AWAITED_MAX_MS = 60 * 60 * 1000;

/** Starts after which what was learned of the work that comes is drawn anew. */
const SETTLED_STARTS = 32;

/** What was said of a group of jobs when one of them was considered. */
export type Verdict = Omit<WaitReason, 'jobId'>;

/** Drawn from the context, the hosts' numbers and the shapes' numbers, and thrown away with them. */
interface Drawn {
  readonly context: PlanningContext;
  readonly generation: number;
  readonly book: RunningBook;
  /** Of the rooms, as of the book's last change. */
  bookMark: number | undefined;
  readonly times: ReadyTimes;
  readonly pending: WeakMap<Job, PendingJob>;
  readonly waiting: WaitingClasses;
  /** Jobs that were known to await evictions when the queue was grouped. */
  awaiting: ReadonlySet<JobId>;
}

export class PlannerMemory {
  /** Learned from what is placed. */
  readonly workload: Workload;
  readonly shapes = new ShapeNumbers();
  readonly live = new LiveRooms();
  /** Of the last look at the whole queue. */
  verdicts: ReadonlyMap<JobClass, Verdict> = new Map();
  /** Groups that the look under way at a queue too long for one plan has behind it. */
  readonly passed = new Set<JobClass>();
  #tables: FitTables = new FitTables(this.live, this.shapes.needs);
  #chooser: FleetChooser | undefined;
  #chooserMark = 0;
  #context: PlanningContext | undefined;
  #drawn: Drawn | undefined;
  #capacity = { revision: -1, gpuMilli: 0 };
  /** Since when room that evictions make is promised to a job. */
  readonly #awaiting = new Map<JobId, number>();
  #awaitingIds: ReadonlySet<JobId> = new Set();
  /** Jobs that room is kept for as of the last plan, awaiting ones included. */
  #kept: ReadonlySet<JobId> = new Set();

  constructor(workload: Workload = settledWorkload(learnedWorkload(), SETTLED_STARTS)) {
    this.workload = workload;
  }

  get kept(): ReadonlySet<JobId> {
    return this.#kept;
  }

  get awaiting(): ReadonlySet<JobId> {
    return this.#awaitingIds;
  }

  /** Since when room that evictions make is promised to a job. */
  get promises(): ReadonlyMap<JobId, number> {
    return this.#awaiting;
  }

  /** Forgets what plans decided, but not what was drawn from the cluster: the next one begins with these promises. */
  recall(promises: ReadonlyMap<JobId, number>): void {
    this.#awaiting.clear();
    for (const [id, sinceMs] of promises) this.#awaiting.set(id, sinceMs);
    this.#kept = new Set(promises.keys());
    this.verdicts = new Map();
    this.passed.clear();
  }

  /** What fits where; valid until the rooms change. */
  get tables(): FitTables {
    return this.#tables;
  }

  /** Forgets jobs that no longer wait. Call before each plan. */
  refresh(view: Pick<ClusterView, 'queuePosition'>, nowMs: number): void {
    if (this.shapes.renew()) {
      this.#tables = new FitTables(this.live, this.shapes.needs);
      this.#drawn = undefined;
    }
    for (const [id, sinceMs] of this.#awaiting) {
      const isOver = view.queuePosition(id) === 0 || nowMs - sinceMs > AWAITED_MAX_MS;
      if (isOver) this.#awaiting.delete(id);
    }
    this.#awaitingIds = new Set(this.#awaiting.keys());
  }

  /** `evictedFor`: beneficiaries of a plan's evictions. `reserved`: jobs that the plan keeps room for. */
  note(evictedFor: Iterable<JobId>, reserved: Iterable<JobId>, nowMs: number): void {
    for (const id of evictedFor) if (!this.#awaiting.has(id)) this.#awaiting.set(id, nowMs);
    this.#awaitingIds = new Set(this.#awaiting.keys());
    this.#kept = new Set([...reserved, ...this.#awaiting.keys()]);
  }

  /** The packing engine with the hosts as they are now. Call once a plan, after the rooms followed. */
  chooserFor({ view }: PlanInput): FleetChooser {
    const { live } = this;
    const useOf = (host: Host) => view.use(host.id);
    // Whatever goes wrong on the way, the next plan begins with a new one.
    const known = this.#chooser;
    this.#chooser = undefined;
    const changed = known === undefined ? undefined : live.changedSince(this.#chooserMark);
    const isKept =
      known !== undefined && changed !== undefined && known.follow({ ...this.#rooms, useOf }, changed);
    const chooser = isKept ? known : new FleetChooser({ ...this.#rooms, useOf }, this.workload);
    this.#chooser = chooser;
    this.#chooserMark = live.mark;
    return chooser;
  }

  get #rooms(): Pick<LiveRooms, 'rooms' | 'open'> {
    const { rooms, open } = this.live;
    return { rooms, open };
  }

  /** What operators set, as it is now. */
  contextFor(view: ClusterView): PlanningContext {
    this.#context = followContext(this.#context, view, this.live);
    return this.#context;
  }

  /** Of hosts that take work. */
  get capacityGpuMilli(): number {
    const { rooms, open, shapeRevision } = this.live;
    if (this.#capacity.revision !== shapeRevision) {
      const gpus = rooms.reduce((sum, { host }, at) => sum + open[at]! * host.inventory.gpus.length, 0);
      this.#capacity = { revision: shapeRevision, gpuMilli: 1000 * gpus };
    }
    return this.#capacity.gpuMilli;
  }

  /** All that runs, as it is now. */
  bookFor(input: PlanInput): RunningBook {
    return this.#follow(input).book;
  }

  /** When hosts will have room; call after {@link bookFor}. */
  readyTimesFor(input: PlanInput): ReadyTimes {
    return this.#follow(input).times;
  }

  /** The whole queue as it is now. */
  waitingFor(input: PlanInput): WaitingClasses {
    const drawn = this.#drawnFor(input);
    const before = drawn.awaiting;
    drawn.awaiting = this.#awaitingIds;
    drawn.waiting.rekey(
      [...before, ...drawn.awaiting].filter((id) => before.has(id) !== drawn.awaiting.has(id)),
    );
    drawn.waiting.follow(input.view, input.nowMs);
    return drawn.waiting;
  }

  /** The same record waits in the same form, so most are made once, however often they are looked at. */
  pendingOf(job: Job, input: PlanInput): PendingJob {
    const drawn = this.#drawnFor(input);
    const isSteady = (job.notBeforeMs ?? 0) === 0 && !this.#awaitingIds.has(job.id);
    const known = isSteady ? drawn.pending.get(job) : undefined;
    if (known !== undefined) return known;
    const made = toPending(job, this.#sourcesOf(drawn.context), input.nowMs);
    if (isSteady) drawn.pending.set(job, made);
    return made;
  }

  #sourcesOf(context: PlanningContext): WaitingSources {
    const { shapes, live } = this;
    return { context, shapes, numbers: live.numbers, awaiting: this.#awaitingIds };
  }

  #drawnFor({ view }: PlanInput): Drawn {
    const context = this.contextFor(view);
    const { generation } = this.live;
    const known = this.#drawn;
    if (known !== undefined && known.context === context && known.generation === generation) return known;
    const { tree, bandOf, nodeOf, policy } = context;
    const book = new RunningBook({ tree, bandOf, nodeOf, runtimeEstimateMs: policy.runtimeEstimateMs });
    const { live: source, tables, shapes } = this;
    const made: Drawn = {
      context,
      generation,
      book,
      bookMark: undefined,
      times: new ReadyTimes({ source, tables, needs: shapes.needs, book }),
      pending: new WeakMap(),
      waiting: new WaitingClasses((job) => keyOf(job, this.#sourcesOf(context))),
      awaiting: this.#awaitingIds,
    };
    this.#drawn = made;
    this.verdicts = new Map();
    this.passed.clear();
    return made;
  }

  #follow(input: PlanInput): Drawn {
    const drawn = this.#drawnFor(input);
    const { live } = this;
    const { book, bookMark, context } = drawn;
    const changed = bookMark === undefined ? undefined : live.changedSince(bookMark);
    for (const host of new Set(changed ?? live.rooms.keys())) {
      const place = { host, room: live.rooms[host]! };
      book.put(host, listRunning(input.view, place, context, this.shapes), input.nowMs);
    }
    for (const host of book.advance(input.nowMs)) live.touch(host);
    drawn.bookMark = live.mark;
    return drawn;
  }
}
