/**
 * What must hold of operators' orders and of tenants: judged from the facts on the disk and from the machines as they
 * truly are, apart from who gave the orders.
 */
import type { ClusterEvent, StampedEvent } from '../../controller/core/event.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import type { HostId } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { CHIEF } from './operators.ts';
import type { Cluster, Container, Host } from './parts.ts';

type EventOf<T extends ClusterEvent['type']> = Extract<ClusterEvent, { readonly type: T }>;

/** A drain whose time has come is carried out within this, once nothing stands in the way. */
const DRAIN_LATE_MS = 10_000;

export class OrderChecks {
  readonly #sim: Cluster;
  readonly #shadow: ClusterState;
  readonly #fail: (message: string) => void;
  /** Attempts that ended by the word of a person instead of by proof. */
  readonly #givenUp = new Set<string>();
  readonly #registeredAtMs = new Map<string, number>();

  constructor(sim: Cluster, shadow: ClusterState, fail: (message: string) => void) {
    this.#sim = sim;
    this.#shadow = shadow;
    this.#fail = fail;
  }

  isGivenUp(name: string): boolean {
    return this.#givenUp.has(name);
  }

  /** Something runs there of which the cluster no longer knows. */
  runsGivenUp(host: Host): boolean {
    for (const container of running(host)) if (this.#givenUp.has(container.name)) return true;
    return false;
  }

  /** Virtual time of the host's newest registration. */
  registeredAtMs(host: Host): number {
    return this.#registeredAtMs.get(host.id) ?? 0;
  }

  /** A fact is on the disk, and the shadow does not know it yet. */
  judge({ event, principal }: StampedEvent): void {
    this.#judgeSpeaker(event, principal);
    switch (event.type) {
      case 'attempt-ended':
      case 'attempt-forgotten':
        if (principal === CHIEF) this.#givenUp.add(nameOf(event));
        return;
      case 'attempt-placed':
        this.#placed(event);
        return;
      case 'host-registered':
        this.#registeredAtMs.set(event.hostId, this.#sim.world.nowMs);
        return;
      case 'host-joined':
        this.#joined(event);
        return;
      case 'host-drain-enforced':
        this.#enforced(event);
        return;
      case 'host-removed':
        this.#removed(event);
        return;
      case 'job-requeued':
        this.#requeued(event);
        return;
      case 'job-queued':
        if (this.#shadow.project(event.projectId) === undefined)
          this.#fail(`${event.jobId} is queued in a project that is gone`);
        return;
      case 'project-deleted':
        if (this.#shadow.jobCountOf(event.projectId) > 0)
          this.#fail(`${event.projectId} is deleted with its jobs`);
        return;
      case 'token-created':
      case 'member-added':
        if (this.#shadow.identity.user(event.userId)?.state === 'revoked')
          this.#fail(`${event.type} for a user that was revoked`);
        return;
      default:
    }
  }

  /** From the commit of its revocation on nothing that an agent says has any effect. */
  #judgeSpeaker({ type }: ClusterEvent, principal: string): void {
    if (!principal.startsWith('agent:')) return;
    const hostId = principal.slice('agent:'.length) as HostId;
    if (this.#shadow.hostIdentity(hostId)?.revoked !== false)
      this.#fail(`${hostId} was revoked and its agent made ${type}`);
  }

  #placed(event: EventOf<'attempt-placed'>): void {
    const name = nameOf(event);
    const { hostId } = event;
    const host = this.#shadow.host(hostId);
    if (host === undefined) this.#fail(`${name} is placed on ${hostId}, which is not there`);
    if (host?.cordon !== undefined) this.#fail(`${name} is placed on ${hostId}, which is cordoned`);
    if (this.#shadow.hostIdentity(hostId)?.revoked !== false)
      this.#fail(`${name} is placed on ${hostId}, which was revoked`);
    const uuids = new Set<string>(event.gpuUuids);
    for (const other of running(this.#sim.hostOf(hostId))) {
      if (other.gpuUuids.some((uuid) => uuids.has(uuid)))
        this.#fail(`${name} is given a GPU on which ${other.name} runs`);
    }
  }

  #joined({ tokenHash, keyHash, hostId, generation }: EventOf<'host-joined'>): void {
    const used = this.#shadow.joinToken(tokenHash)?.used;
    if (used !== undefined && used.keyHash !== keyHash)
      this.#fail(`a join token is used twice for ${hostId}`);
    const before = this.#shadow.hostIdentity(hostId)?.generation ?? 0;
    const repeats = used?.keyHash === keyHash && generation === before;
    if (generation <= before && !repeats) this.#fail(`${hostId} joins again in generation ${generation}`);
  }

  /** The orders to stop stand before it in the same commit. */
  #enforced({ hostId }: EventOf<'host-drain-enforced'>): void {
    const left = this.#unstopped(hostId);
    if (left !== undefined) this.#fail(`${hostId} is drained and ${left} was not told to stop`);
  }

  #unstopped(hostId: HostId): string | undefined {
    for (const { job, attempt } of this.#shadow.wantedAttempts(hostId)) {
      if (attempt.phase !== 'ended' && attempt.stopCause === undefined) return `${job.id}.${attempt.number}`;
    }
    return undefined;
  }

  #removed({ hostId }: EventOf<'host-removed'>): void {
    for (const { name } of running(this.#sim.hostOf(hostId))) {
      if (!this.#givenUp.has(name)) this.#fail(`${hostId} is removed while ${name} runs, and nobody said so`);
    }
  }

  /** Who makes room for an operator's order pays nothing for it. */
  #requeued({ jobId, usesRetry }: EventOf<'job-requeued'>): void {
    const last = this.#shadow.job(jobId)?.attempts.at(-1);
    if (usesRetry && last?.outcome === 'preempted') this.#fail(`${jobId} loses a retry to a drain`);
  }

  /** Once all is healed: every drain whose time has come was carried out. */
  atRest(): void {
    for (const { id, drain } of this.#shadow.hosts()) {
      if (drain === undefined) continue;
      const lateMs = this.#sim.wallMs - (drain.deadlineMs ?? Number.POSITIVE_INFINITY);
      // A timer does not follow a clock that was set.
      if (!drain.stopping && lateMs > DRAIN_LATE_MS && !this.#sim.on('clock-step'))
        this.#fail(`the drain of ${id} is not carried out though its time has come`);
      const left = drain.stopping ? this.#unstopped(id) : undefined;
      if (left !== undefined) this.#fail(`${id} is drained and ${left} goes on`);
    }
  }
}

function nameOf({ jobId, attempt }: { readonly jobId: string; readonly attempt: number }): string {
  return toTaskName({ jobId: jobId as Parameters<typeof toTaskName>[0]['jobId'], attempt, task: 0 });
}

function running(host: Host | undefined): readonly Container[] {
  return [...(host?.containers.values() ?? [])].filter(({ exit }) => exit === undefined);
}
