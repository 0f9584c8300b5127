/**
 * Operators who share the cluster out: queues, the quota tree, the policy and reservations, changed at any time and
 * back again, also to less than is in use.
 */
import type { QueueChange } from '../../controller/core/policy/commands.ts';
import type { Principal, ReservationId } from '../../proto/domain/ids.ts';
import { QUOTA_ROOT, type QuotaShare } from '../../proto/domain/scheduling.ts';
import {
  DEFAULT_POLICY,
  formatSetting,
  POLICY_KEYS,
  toSettingName,
} from '../../proto/domain/scheduling-policy.ts';
import type { Fault } from './options.ts';
import type { Ask, Cluster } from './parts.ts';
import { QUEUES } from './workload.ts';

const SHARER = 'user:sharer' as Principal;
const EVERY_MS = 5_000;
/** The groups and projects of the tree; work is sent to the projects. */
const GROUPS = [QUOTA_ROOT, 'team'];
const PROJECTS = ['default', 'vision', 'speech'];

/** Much shorter than in production, so that a run sees many preemptions. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  ordering: ['fair-share', 'fair-share', 'priority', 'fifo'],
  backfill: ['easy', 'easy', 'conservative', 'off'],
  backfillDepth: ['500', '1'],
  runtimeEstimate: ['1m', '4h'],
  preemption: ['true', 'true', 'true', 'false'],
  preemptionMinRuntime: ['0s', '2s', '10s', '1m'],
  preemptionGrace: ['1s', '5s', '30s'],
  reclaimBound: ['1s', '10s', '40s'],
  agingPointsPerHour: ['10', '100'],
  packing: ['nabla', 'nabla', 'first-fit'],
};
/** With which preemption is tried where nothing else changes the policy. */
const EAGER = { preemptionMinRuntime: '2s', preemptionGrace: '1s', reclaimBound: '10s' };

const KINDS = ['queues', 'quotas', 'policy-changes', 'reservations'] as const satisfies readonly Fault[];
type Kind = (typeof KINDS)[number];

export class Sharing {
  readonly #sim: Cluster;
  readonly #kinds: readonly Kind[];
  #made = 0;
  #quiet = false;

  constructor(sim: Cluster) {
    this.#sim = sim;
    this.#kinds = KINDS.filter((kind) => sim.on(kind));
  }

  start(): void {
    if (this.#sim.on('queues')) for (const name of QUEUES.slice(0, 2)) this.#createQueue(name);
    if (this.#sim.on('preemption')) this.#setPolicy(EAGER);
    if (this.#sim.on('quotas')) for (let made = 0; made < 3; made += 1) this.#orderQuotas();
    if (this.#kinds.length > 0) this.#next();
  }

  quiet(): void {
    this.#quiet = true;
  }

  #next(): void {
    const { world, chance } = this.#sim;
    world.schedule(-Math.log(1 - chance.fraction()) * EVERY_MS, 'sharer', () => {
      if (this.#quiet) return;
      const kind = this.#pick(this.#kinds);
      if (kind === 'queues') this.#orderQueues();
      else if (kind === 'quotas') this.#orderQuotas();
      else if (kind === 'policy-changes') this.#orderPolicy();
      else this.#orderReservations();
      this.#next();
    });
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#sim.chance.integer(choices.length)] as T;
  }

  #ask(make: Ask['make']): void {
    this.#sim.requests.ask(SHARER, { make });
  }

  #orderQueues(): void {
    const name = this.#pick(QUEUES.slice(0, 2));
    const draw = this.#sim.chance.integer(100);
    if (draw < 15) this.#createQueue(name);
    else if (draw < 25) this.#ask(() => ({ type: 'delete-queue', name }));
    else {
      const change = this.#drawQueue();
      const changed = this.#pick([name, name, 'default']);
      this.#ask(() => ({ type: 'update-queue', name: changed, change }));
    }
  }

  #createQueue(name: string): void {
    const change = this.#drawQueue();
    this.#ask(() => ({ type: 'create-queue', name, change }));
  }

  #drawQueue(): QueueChange {
    const limits = {
      runningPerUser: this.#pick([0, 0, 1, 2]),
      jobsPerUser: this.#pick([0, 0, 0, 6]),
      gpuMilliPerJob: this.#pick([0, 0, 0, 1_000]),
      timeLimitMs: this.#pick([0, 0, 0, 0, 0, 4_000]),
    };
    return { priorityBand: this.#pick([0, 0, 1, 2]), limits };
  }

  #orderQuotas(): void {
    const name = this.#pick([...GROUPS, ...PROJECTS, ...PROJECTS]);
    const kind = GROUPS.includes(name) ? 'group' : 'project';
    const draw = this.#sim.chance.integer(100);
    if (draw < 15) {
      this.#ask(() => ({ type: 'delete-quota', name }));
      return;
    }
    const place = name === QUOTA_ROOT ? {} : { parent: this.#pick([QUOTA_ROOT, QUOTA_ROOT, 'team']) };
    const shares = draw < 80 ? this.#drawShares() : [];
    const removeShares = shares.length > 0 ? [] : ['gpu'];
    const weight = this.#pick([1, 100, 300]);
    this.#ask(() => ({ type: 'set-quota', name, kind, ...place, shares, removeShares, weight }));
  }

  /** At times below what is in use, at times more than there is. */
  #drawShares(): readonly QuotaShare[] {
    const { options, chance } = this.#sim;
    const most = options.hosts * options.gpusPerHost + 1;
    const guaranteed = chance.integer(most) * 1_000;
    const limit = guaranteed + chance.integer(most) * 1_000;
    const gpu: QuotaShare = { resource: 'gpu', guaranteed };
    const shares: QuotaShare[] = [chance.integer(2) === 0 ? gpu : { ...gpu, limit }];
    if (chance.integer(4) === 0)
      shares.push({ resource: 'cpu', guaranteed: 0, limit: 500 * (1 + chance.integer(8)) });
    return shares;
  }

  #orderPolicy(): void {
    const draw = this.#sim.chance.integer(100);
    if (draw < 10) this.#setPolicy(asSettings());
    else if (draw < 30) this.#setPolicy(EAGER);
    else {
      const names = Object.keys(SETTINGS);
      const chosen = [this.#pick(names), this.#pick(names), this.#pick(names)];
      this.#setPolicy(
        Object.fromEntries(chosen.map((name) => [name, this.#pick(SETTINGS[name] as readonly string[])])),
      );
    }
  }

  #setPolicy(settings: Readonly<Record<string, string>>): void {
    this.#ask(() => ({ type: 'set-policy', settings, note: '' }));
  }

  #orderReservations(): void {
    const { chance, checker, hosts } = this.#sim;
    if (chance.integer(4) === 0) {
      const known = checker.shadow.scheduling.reservations();
      if (known.length === 0) return;
      const { id: reservation } = this.#pick(known);
      this.#ask(() => ({ type: 'delete-reservation', reservation }));
      return;
    }
    const project = this.#pick(PROJECTS);
    const isCounted = chance.integer(3) === 0;
    const size = isCounted
      ? { hosts: [], gpuMilli: 1_000 * (1 + chance.integer(3)) }
      : { hosts: [this.#pick(hosts).id, this.#pick(hosts).id], gpuMilli: 0 };
    const startsInMs = chance.integer(2) === 0 ? 0 : 1_000 + chance.integer(20_000);
    const lengthMs = 2_000 + chance.integer(40_000);
    this.#ask((_mark, { process }) => {
      this.#made += 1;
      const id = `rsv_${this.#made}` as ReservationId;
      const nowMs = process.clock.nowMs();
      const startMs = startsInMs === 0 ? 0 : nowMs + startsInMs;
      const endMs = nowMs + startsInMs + lengthMs;
      const name = `r${this.#made}`;
      return { type: 'create-reservation', id, name, project, ...size, gpuModel: '', startMs, endMs };
    });
  }
}

/** Everything as it comes. */
function asSettings(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    POLICY_KEYS.map((key) => [toSettingName(key), formatSetting(DEFAULT_POLICY, key)]),
  );
}
