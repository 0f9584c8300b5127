/**
 * One life of the controller: the production engine, planning loop, liveness and agent link over the simulated
 * disk and clock. Wired as controller/start-controller does it, less the doors to the outside.
 */

import { decide } from '../../controller/core/decide.ts';
import { planFirstFit } from '../../controller/core/placement/first-fit.ts';
import type { Planner } from '../../controller/core/planner.ts';
import { createPlanner } from '../../controller/core/planning/plan-cluster.ts';
import { type AgentLink, createAgentLink } from '../../controller/effects/agent-link/agent-link.ts';
import { createHistoryProofs } from '../../controller/effects/agent-link/history-proof.ts';
import { watchDrains } from '../../controller/effects/drain-watch.ts';
import { createLiveness, type Liveness } from '../../controller/effects/liveness.ts';
import { watchLostHosts } from '../../controller/effects/lost-hosts.ts';
import { createPlanningLoop } from '../../controller/effects/planning-loop.ts';
import { watchRevocations } from '../../controller/effects/revocation-watch.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import { GroupCommitEngine } from '../../controller/store/engine.ts';
import { loadState } from '../../controller/store/load-state.ts';
import type { HostId, Principal, ProjectId } from '../../proto/domain/ids.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import { SIM_HEARTBEAT_MS, SIM_LOST_AFTER_MS, SIM_SELF_FENCE_MS } from './options.ts';
import type { Cluster, Controller, Host, Lane } from './parts.ts';
import { SimProcess } from './world.ts';

export class SimController implements Controller {
  readonly process: SimProcess;
  readonly #sim: Cluster;
  #opened = false;
  engine!: GroupCommitEngine;
  liveness!: Liveness;
  link!: AgentLink;
  /** The state that the engine works on; it may be ahead of the disk by one group. */
  state!: ClusterState;
  wallOffsetMs = 0;

  constructor(sim: Cluster, name: string) {
    this.#sim = sim;
    this.process = new SimProcess(sim.world, name, () => this.wallOffsetMs);
  }

  get ready(): boolean {
    return this.#opened && this.process.alive;
  }

  async open(): Promise<void> {
    const sim = this.#sim;
    const log = sim.logDisk.open(this.process);
    try {
      this.state = await loadState(log);
    } catch (error) {
      sim.world.violate(`the store cannot be opened again: ${(error as ClusterError).code}`);
      return;
    }
    const epoch = await log.acquireLeadership();
    const { chainHash } = await log.head();
    this.engine = new GroupCommitEngine(this.state, log, {
      epoch,
      chainHash,
      onFatal: (error) => this.die(error),
      decide: sim.planted.decide(decide, () => sim.logDisk.disk.head.epoch === epoch),
    });
    if (this.state.clusterId === '') await this.#found();
    this.#openLink();
    sim.world.mark(`${this.process.name} leads in epoch ${epoch}`);
    this.#opened = true;
  }

  async #found(): Promise<void> {
    const context = { principal: 'system' as Principal, nowMs: this.process.clock.nowMs() };
    const projectId = 'prj_default' as ProjectId;
    await this.engine.submit({ type: 'found-cluster', clusterId: 'cluster_sim', projectId }, context);
  }

  #openLink(): void {
    const sim = this.#sim;
    const { clock } = this.process;
    const logger = sim.loggerOf(this.process);
    this.liveness = createLiveness(clock, SIM_LOST_AFTER_MS);
    watchLostHosts({ engine: this.engine, liveness: this.liveness, clock, logger });
    const planning = createPlanningLoop({
      engine: sim.planted.deaf(this.engine),
      planner: this.#createPlanner(),
      readyHosts: this.liveness.readyHosts,
      clock,
      rng: sim.world.rng.split(`planning ${this.process.name}`),
      logger,
      selfFenceMs: SIM_SELF_FENCE_MS,
    });
    this.liveness.onChange(() => planning.wake());
    this.link = createAgentLink({
      engine: sim.planted.lead(this.engine),
      clock,
      logger,
      liveness: this.liveness,
      resolveSecrets: async () => new Map(),
      terms: { heartbeatMs: SIM_HEARTBEAT_MS, selfFenceMs: SIM_SELF_FENCE_MS, httpPort: () => 1 },
      proofs: createHistoryProofs('sim', this.engine),
    });
    const cut = (hostId: HostId, afterMs: number): void => this.#cut(hostId, afterMs);
    watchRevocations({ engine: this.engine, clock, logger, sessions: this.link, cut });
    if (sim.bug !== 'drain-deadline-missed') watchDrains({ engine: this.engine, clock, logger });
    planning.wake();
  }

  #createPlanner(): Planner {
    const { world, planted, options, checker } = this.#sim;
    const planner = planted.planner(options.planner === 'pass' ? createPlanner() : planFirstFit);
    return (input) => {
      try {
        const plan = planner(input);
        checker.planned(this.engine.epoch, input, plan);
        return plan;
      } catch (error) {
        world.violate(`a planner cannot plan: ${(error as ClusterError).code ?? String(error)}`);
        throw error;
      }
    };
  }

  /** Those that speak for the host now; whoever comes later has another certificate. */
  #cut(hostId: HostId, afterMs: number): void {
    const { network } = this.#sim;
    const doomed = [...network.lanes].filter((lane) => lane.controller === this && lane.host.id === hostId);
    this.process.clock.after(afterMs, () => {
      for (const lane of doomed) if (network.lanes.has(lane)) network.break(lane, 'both');
    });
  }

  /** As the door holds an agent's certificate against the state. */
  #admits(host: Host): boolean {
    try {
      const identity = this.engine.peek((view) => view.hostIdentity(host.id));
      if (this.#sim.bug === 'revoked-host-served') return identity !== undefined;
      return identity?.revoked === false && identity.generation === host.generation;
    } catch {
      // It is ending: nobody gets in.
      return false;
    }
  }

  /** The process wants to end: its supervisor starts the next one. */
  die(error: ClusterError): void {
    if (!this.process.alive) return;
    if (error.kind === 'bug' || (error.kind === 'corrupt' && error.code !== 'CONTROLLER_BEHIND')) {
      this.#sim.world.violate(
        `the controller met a bug: ${error.code} ${JSON.stringify(error.details)} ${String(error.cause ?? '')}`,
      );
    }
    this.#sim.controllerDied(this, error.code);
  }

  accept(lane: Lane): void {
    if (this.#admits(lane.host)) {
      void this.#serve(lane);
      return;
    }
    lane.refused = true;
    lane.down.send({ end: true });
    this.#sim.network.forget(lane);
  }

  async #serve(lane: Lane): Promise<void> {
    try {
      for await (const envelope of this.link.serve(lane.incoming(), lane.aborted.signal)) {
        lane.down.send({ message: envelope });
        if (this.#sim.network.duplicates && this.#sim.chance.integer(20) === 0) {
          if (envelope.message.kind !== 'welcome') lane.down.send({ message: envelope });
        }
        await lane.down.room();
      }
    } catch (error) {
      this.#sim.world.mark(`${this.process.name} ends a session: ${(error as ClusterError).code}`);
    }
    lane.down.send({ end: true });
    this.#sim.network.forget(lane);
  }
}
