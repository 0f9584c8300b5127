/**
 * One simulated cluster and its life: controllers and agents (production code) on simulated machines, users, faults
 * and checks. First safety under faults, then all is healed and everything must come to rest.
 */
import type { MemoryDisk } from '../../controller/store/memory-log.ts';
import { isFinished } from '../../proto/domain/job.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { Checker } from './checker.ts';
import { Faults } from './faults.ts';
import { Operators } from './operators.ts';
import { drawOptions, type Fault, type SimOptions } from './options.ts';
import type { Agent, Cluster, Controller, Host } from './parts.ts';
import { Planted } from './planted.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { Requests } from './requests.ts';
import { RestChecks } from './rest-checks.ts';
import { Sharing } from './sharing.ts';
import { SimAgent } from './sim-agent.ts';
import { SimController } from './sim-controller.ts';
import { SimHost } from './sim-host.ts';
import { SimLogDisk } from './sim-log.ts';
import { SimNetwork } from './sim-network.ts';
import { Tenants } from './tenants.ts';
import { Workload } from './workload.ts';
import { type SimProcess, World } from './world.ts';

const WALL_START_MS = Date.UTC(2026, 0, 1);
/** After the last fault: how long until everything must have settled. */
const CONVERGED_AFTER_MS = 60_000;
/** Once everything was told to stop. */
const DRAINED_AFTER_MS = 60_000;
const COMPARE_EVERY_MS = 150_000;
const SETTLE_MS = 3_000;
/** How long a controller on an old log is watched. */
const OLD_LOG_MS = 30_000;

export interface SimRun {
  readonly seed: number;
  readonly steps: number;
  readonly bug?: PlantedBug | undefined;
  /** These faults instead of those that the seed draws. */
  readonly faults?: readonly Fault[] | undefined;
  /** This planner instead of the one that the seed and the bug choose. */
  readonly planner?: SimOptions['planner'] | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

export interface SimResult {
  readonly seed: number;
  readonly steps: number;
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly commits: number;
  readonly violation: { readonly message: string; readonly step: number } | undefined;
}

export class Sim implements Cluster {
  readonly world: World;
  readonly bug: PlantedBug | undefined;
  readonly options: SimOptions;
  readonly chance;
  readonly logDisk: SimLogDisk;
  readonly network: SimNetwork;
  readonly checker: Checker;
  readonly requests: Requests;
  readonly workload: Workload;
  readonly planted: Planted;
  readonly hosts: readonly SimHost[];
  readonly agents = new Map<Host, SimAgent>();
  /** Bytes printed per task: they lie on the host's disk. */
  readonly printed = new Map<string, number>();
  controller: SimController | undefined;
  readonly #controllers: SimController[] = [];
  readonly #faults: Faults;
  readonly #operators: Operators;
  readonly #tenants: Tenants;
  readonly #sharing: Sharing;
  #lives = 0;

  constructor({ seed, bug, faults, planner, log }: SimRun) {
    this.world = new World(seed, log);
    this.bug = bug;
    const forced: readonly Fault[] = bug === undefined ? [] : PLANTED_BUGS[bug];
    this.options = drawOptions(seed, this.world.rng.split('options'), forced, faults, planner);
    this.chance = this.world.rng.split('chance');
    this.logDisk = new SimLogDisk(this);
    this.network = new SimNetwork(this);
    this.checker = new Checker(this);
    this.requests = new Requests(this);
    this.workload = new Workload(this);
    this.#operators = new Operators(this);
    this.#tenants = new Tenants(this);
    this.#sharing = new Sharing(this);
    this.planted = new Planted(this);
    this.#faults = new Faults(this);
    const { hosts, gpusPerHost } = this.options;
    this.hosts = Array.from({ length: hosts }, (_, at) => new SimHost(this, at + 1, gpusPerHost));
    log?.(
      `seed ${seed}: ${hosts} hosts of ${gpusPerHost} GPUs; ${this.options.planner}; ${[...this.options.faults].join(' ')}`,
    );
  }

  on(fault: Fault): boolean {
    return this.options.faults.has(fault);
  }

  get wallMs(): number {
    return WALL_START_MS + this.world.nowMs;
  }

  hostOf(id: string): SimHost | undefined {
    return this.hosts.find((host) => host.id === id);
  }

  loggerOf(process: SimProcess): Logger {
    const { world } = this;
    const say = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      world.log?.(`${world.nowMs.toFixed(1)} ${process.name}: ${message} ${JSON.stringify(fields ?? {})}`);
    };
    const logger: Logger = { error: say, warn: say, info: say, debug: say, child: () => logger };
    return logger;
  }

  startController(): void {
    this.#lives += 1;
    const controller = new SimController(this, `controller-${this.#lives}`);
    this.controller = controller;
    this.#controllers.push(controller);
    // A store that fails while it is opened ends the process, as it does in production.
    const open = (): void => void controller.open().catch((error: ClusterError) => controller.die(error));
    this.world.schedule(100 + this.chance.integer(400), 'boot', open, controller.process);
  }

  controllerDied(controller: Controller, why: string): void {
    if (!controller.process.alive) return;
    this.world.mark(`${controller.process.name} dies: ${why}`);
    controller.process.kill();
    this.logDisk.crash(controller.process);
    const silent = this.on('half-open') && this.chance.integer(3) === 0;
    for (const lane of Array.from(this.network.lanes)) {
      if (lane.controller !== controller) continue;
      if (silent) this.network.silence(lane);
      else lane.down.send({ end: true });
      this.network.forget(lane);
    }
    if (this.controller !== controller) return;
    this.world.schedule(200 + this.chance.integer(4_000), 'restart', () => {
      if (this.controller === controller) this.startController();
    });
  }

  /** Older leaders end; a dead or paused one is brought back. */
  settleControllers(): void {
    for (const controller of this.#controllers) {
      if (controller !== this.controller) this.controllerDied(controller, 'replaced');
    }
    this.controller?.process.resume();
    if (this.controller !== undefined) this.controller.wallOffsetMs = 0;
  }

  #startAgent(host: Host): void {
    this.#lives += 1;
    const agent = new SimAgent(host, this.#lives);
    this.agents.set(host, agent);
    this.world.schedule(50, 'boot', () => void agent.open(), agent.process);
  }

  agentDied(agent: Agent, power = false): void {
    const { host } = agent;
    if (!agent.process.alive) return;
    this.world.mark(`${agent.process.name} dies${power ? ' with its machine' : ''}`);
    agent.process.kill();
    host.onEngineTrouble.clear();
    host.journalDisk.crash(power);
    for (const lane of Array.from(this.network.lanes)) {
      if (lane.host !== host) continue;
      // A dead machine says nothing; a dead process is told for it by its kernel.
      if (power) this.network.silence(lane);
      else lane.closeFromAgent();
    }
    if (power) return;
    const downMs = 100 + this.chance.integer(5_000);
    host.hinder(downMs + 1_000);
    this.world.schedule(downMs, 'restart', () => {
      if (host.up && this.agents.get(host) === agent) this.#startAgent(host);
    });
  }

  reboot(host: Host, forMs: number): void {
    const agent = this.agents.get(host);
    if (!host.up || agent === undefined) return;
    this.agentDied(agent, true);
    this.hostOf(host.id)?.powerOff();
    this.world.schedule(Math.max(2_000, forMs), 'power', () => this.powerOn(host));
  }

  powerOn(host: Host): void {
    if (host.up) return;
    this.hostOf(host.id)?.powerOn();
    this.#startAgent(host);
  }

  /** Runs to the end; `setImmediate` belongs to the world meanwhile. */
  async run(steps: number): Promise<void> {
    const { world } = this;
    const real = globalThis.setImmediate;
    const { stackTraceLimit } = Error;
    // Refusals are values of the simulation by the thousand; their stacks would cost more than they do.
    if (world.log === undefined) Error.stackTraceLimit = 0;
    globalThis.setImmediate = world.immediate as unknown as typeof setImmediate;
    try {
      this.startController();
      for (const host of this.hosts) this.#startAgent(host);
      this.#operators.start();
      this.workload.start();
      this.#tenants.start();
      this.#sharing.start();
      this.#faults.start();
      this.#compareNow();
      await world.run(() => world.steps >= steps / 2);
      const copy = this.on('old-backup') ? this.logDisk.copy() : undefined;
      await world.run(() => world.steps >= steps);
      if (world.violation !== undefined) return;
      if (copy === undefined) await this.#comeToRest();
      else await this.#returnToOldLog(copy);
    } finally {
      globalThis.setImmediate = real;
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  #compareNow(): void {
    this.world.schedule(COMPARE_EVERY_MS, 'compare', () => {
      void this.checker.compare();
      this.#compareNow();
    });
  }

  async #pass(forMs: number, done: () => boolean = () => false): Promise<void> {
    const untilMs = this.world.nowMs + forMs;
    await this.world.run(() => this.world.nowMs >= untilMs || done());
  }

  /** Nobody asks anything new. */
  #quiet(): void {
    this.workload.quiet();
    this.#operators.quiet();
    this.#tenants.quiet();
    this.#sharing.quiet();
  }

  async #comeToRest(): Promise<void> {
    this.#quiet();
    this.#faults.heal();
    await this.#pass(CONVERGED_AFTER_MS);
    await this.#checkConverged();
    for (const job of this.checker.shadow.jobs()) if (!isFinished(job.state)) this.workload.stop(job.id);
    await this.#pass(DRAINED_AFTER_MS, () => this.#isDrained());
    if (this.world.violation === undefined) this.#checkDrained();
    await this.checker.compare();
  }

  /** The folder is put back to an old copy behind everybody's back; agents have seen more than it holds. */
  async #returnToOldLog(copy: MemoryDisk): Promise<void> {
    this.#quiet();
    this.#operators.leave();
    this.#faults.heal();
    const { controller } = this;
    if (controller !== undefined) this.controllerDied(controller, 'put back');
    this.logDisk.putBack(copy);
    this.checker.logRolledBack(copy.head.seq);
    await this.#pass(OLD_LOG_MS);
  }

  async #checkConverged(): Promise<void> {
    const { controller, world } = this;
    if (world.violation !== undefined) return;
    if (controller?.ready !== true) {
      world.violate('no controller serves after 60 s without faults');
      return;
    }
    for (const [host, { session }] of this.agents) {
      if (session?.connected !== true || !controller.link.isConnected(host.id)) {
        world.violate(`${host.name} is not connected after 60 s without faults`);
        return;
      }
    }
    for (const host of this.hosts) {
      for (const container of host.containers.values()) {
        const { timeLimitMs = 0 } = this.checker.shadow.job(container.key.jobId)?.spec ?? {};
        const late = timeLimitMs > 0 && container.exit === undefined;
        if (late && container.beganMs + timeLimitMs < world.nowMs - CONVERGED_AFTER_MS / 2) {
          world.violate(`${container.name} runs past its time limit`);
          return;
        }
      }
    }
    if (this.requests.open > 0) {
      world.violate('a request has no answer after 60 s without faults');
      return;
    }
    this.checker.atRest();
    const rest = new RestChecks(this, controller);
    while (this.world.violation === undefined && rest.look()) await this.#pass(SETTLE_MS);
  }

  #isDrained(): boolean {
    if (this.requests.open > 0) return false;
    for (const job of this.checker.shadow.jobs()) {
      if (!isFinished(job.state) || job.attempts.some((attempt) => !attempt.released)) return false;
    }
    return true;
  }

  #checkDrained(): void {
    const { shadow } = this.checker;
    for (const job of shadow.jobs()) {
      const held = job.attempts.find((attempt) => !attempt.released);
      if (!isFinished(job.state)) {
        this.world.violate(`${job.id} is still ${job.state} long after its stop`);
        return;
      }
      if (held !== undefined) {
        this.world.violate(`${job.id}.${held.number} still holds its resources`);
        return;
      }
    }
    for (const host of this.hosts) {
      for (const { name, exit } of host.containers.values()) {
        if (exit === undefined) {
          this.world.violate(`${name} runs on ${host.name} though nobody wants it`);
          return;
        }
      }
    }
  }
}

/** Runs one seed and says what became of it. Never throws for a violation. */
export async function runSeed(run: SimRun): Promise<SimResult> {
  const sim = new Sim(run);
  await sim.run(run.steps);
  const { world, checker, logDisk } = sim;
  world.mark(logDisk.disk.head.chainHash);
  return {
    seed: run.seed,
    steps: world.steps,
    traceHash: world.traceHash.toString(16),
    virtualMs: world.nowMs,
    commits: checker.shadow.headSeq,
    violation: world.violation,
  };
}
