/**
 * One life of the controller: the production engine, planning loop, liveness and agent link over the simulated
 * disk and clock. Wired as controller/start-controller does it, less the doors to the outside.
 */

import { decide } from '../../controller/core/decide.ts';
import { createPlanner } from '../../controller/core/planning/plan-cluster.ts';
import { type AgentLink, createAgentLink } from '../../controller/effects/agent-link/agent-link.ts';
import { createLiveness, type Liveness } from '../../controller/effects/liveness.ts';
import { watchLostHosts } from '../../controller/effects/lost-hosts.ts';
import { createPlanningLoop } from '../../controller/effects/planning-loop.ts';
import type { ClusterState } from '../../controller/state/cluster-state.ts';
import { GroupCommitEngine } from '../../controller/store/engine.ts';
import { loadState } from '../../controller/store/load-state.ts';
import type { Principal, ProjectId } from '../../proto/domain/ids.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import { SIM_HEARTBEAT_MS, SIM_LOST_AFTER_MS, SIM_SELF_FENCE_MS } from './options.ts';
import type { Cluster, Controller, Lane } from './parts.ts';
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
      decide: sim.planted.decide(decide),
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
      planner: sim.planted.planner(createPlanner()),
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
      onFenced: (error) => this.die(error),
    });
    planning.wake();
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
    void this.#serve(lane);
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
