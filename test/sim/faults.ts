/**
 * What goes wrong, and that it ends: each fault lasts a while and is undone, all of them at once when the run turns
 * from safety to liveness.
 */
import { fencedAfterMs } from '../../proto/domain/fencing.ts';
import { type Fault, SIM_SELF_FENCE_MS } from './options.ts';
import type { Cluster, Host } from './parts.ts';

export class Faults {
  readonly #sim: Cluster;
  #healed = false;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  start(): void {
    const { options, world, chance, network } = this.#sim;
    network.duplicates = this.#sim.on('duplication');
    network.emptiesSets = this.#sim.on('empty-set');
    const kinds = [...options.faults].filter((fault) => fault in ACTS);
    if (kinds.length === 0) return;
    const next = (): void => {
      const afterMs = -Math.log(1 - chance.fraction()) * options.faultEveryMs;
      world.schedule(afterMs, 'fault', () => {
        if (this.#healed) return;
        const kind = kinds[chance.integer(kinds.length)] as Fault;
        const host = this.#sim.hosts[chance.integer(this.#sim.hosts.length)] as Host;
        world.mark(`fault ${kind} ${host.name}`);
        ACTS[kind]?.(this.#sim, host, this.#duration());
        next();
      });
    };
    next();
  }

  /** Mostly seconds, sometimes long enough for every timeout in the design. */
  #duration(): number {
    const { chance } = this.#sim;
    return chance.integer(6) === 0 ? 10_000 + chance.integer(90_000) : 200 + chance.integer(10_000);
  }

  heal(): void {
    this.#healed = true;
    // What follows is nobody's own: the process whose event came last may be one of those that end now.
    this.#sim.world.current = undefined;
    const { sim } = { sim: this.#sim };
    sim.world.mark('heal');
    sim.network.duplicates = false;
    if (sim.network.emptiesSets)
      for (const lane of Array.from(sim.network.lanes)) sim.network.break(lane, 'both');
    sim.network.emptiesSets = false;
    sim.network.stubborn.clear();
    sim.logDisk.latencyMs = 2;
    sim.logDisk.failing = 0;
    for (const host of sim.hosts) {
      sim.network.heal(host);
      host.journalDisk.latencyMs = 2;
      host.journalDisk.failing = false;
      host.engine = 'up';
      host.losesReplies = false;
      host.lostGpus.clear();
      host.wallOffsetMs = 0;
      sim.powerOn(host);
      const agent = sim.agents.get(host);
      agent?.process.resume();
      agent?.session?.inventoryChanged();
    }
    sim.settleControllers();
  }
}

/** What an agent does not know of it cannot stop: longer than any silence. */
const WITHOUT_MEMORY_MS = 200_000;
/** A stop that failed is tried again at growing distances. */
const RETRIED_AFTER_MS = 40_000;

type Act = (sim: Cluster, host: Host, forMs: number) => void;

const after = (sim: Cluster, forMs: number, undo: () => void): void => {
  sim.world.schedule(forMs, 'fault-ends', undo);
};

const ACTS: Partial<Record<Fault, Act>> = {
  'controller-crash': (sim) => {
    if (sim.controller !== undefined) sim.controllerDied(sim.controller, 'killed');
  },
  'controller-pause': (sim, _host, forMs) => {
    const process = sim.controller?.process;
    process?.pause();
    after(sim, forMs, () => process?.resume());
  },
  takeover: (sim, host, forMs) => {
    const old = sim.controller;
    if (old?.ready !== true) return;
    const paused = sim.chance.integer(2) === 0;
    if (paused) old.process.pause();
    if (sim.chance.integer(2) === 0) sim.network.stubborn.set(host, old);
    sim.startController();
    after(sim, forMs, () => old.process.resume());
  },
  // It does not know of its successor, from whom an agent took work that it then forgot.
  'deposed-leader': (sim, host) => {
    const old = sim.controller;
    if (old?.ready !== true) return;
    for (const lane of Array.from(sim.network.lanes)) sim.network.break(lane, 'agent');
    sim.startController();
    after(sim, 2_000 + sim.chance.integer(10_000), () => {
      sim.network.stubborn.set(host, old);
      loseJournal(sim, host);
    });
  },
  'slow-log': (sim, _host, forMs) => {
    sim.logDisk.latencyMs = 50 + sim.chance.integer(2_000);
    after(sim, forMs, () => {
      sim.logDisk.latencyMs = 2;
    });
  },
  'failing-log': (sim, _host, forMs) => {
    sim.logDisk.failing = 0.3;
    after(sim, Math.min(forMs, 5_000), () => {
      sim.logDisk.failing = 0;
    });
  },
  'agent-crash': (sim, host) => {
    const agent = sim.agents.get(host);
    if (agent !== undefined) sim.agentDied(agent);
  },
  'agent-pause': (sim, host, forMs) => {
    host.hinder(forMs);
    const process = sim.agents.get(host)?.process;
    process?.pause();
    after(sim, forMs, () => process?.resume());
  },
  reboot: (sim, host, forMs) => sim.reboot(host, forMs),
  'journal-loss': loseJournal,
  'journal-rollback': (sim, host) => {
    const agent = sim.agents.get(host);
    if (agent === undefined) return;
    sim.agentDied(agent);
    if (!host.journalDisk.rollBack()) return;
    sim.world.mark(`the journal of ${host.name} is an older copy`);
    host.hinder(WITHOUT_MEMORY_MS);
    sim.checker.journalRolledBack(host);
  },
  'slow-journal': (sim, host, forMs) => {
    host.journalDisk.latencyMs = 20 + sim.chance.integer(3_000);
    host.journalTroubleUntilMs = sim.world.nowMs + forMs;
    after(sim, forMs, () => {
      host.journalDisk.latencyMs = 2;
    });
  },
  'failing-journal': (sim, host, forMs) => {
    host.journalDisk.failing = true;
    host.journalTroubleUntilMs = sim.world.nowMs + forMs;
    after(sim, forMs, () => {
      host.journalDisk.failing = false;
    });
  },
  'connection-loss': (sim, host) => {
    for (const lane of Array.from(sim.network.lanes)) if (lane.host === host) sim.network.break(lane, 'both');
  },
  'half-open': (sim, host) => {
    const how = sim.chance.integer(3);
    for (const lane of Array.from(sim.network.lanes)) {
      if (lane.host !== host) continue;
      if (how === 0) sim.network.silence(lane);
      else sim.network.break(lane, how === 1 ? 'agent' : 'controller');
    }
  },
  partition: (sim, host, forMs) => {
    sim.network.cut(host, ['up', 'down']);
    after(sim, forMs, () => sim.network.heal(host));
  },
  silence: (sim, host) => {
    sim.network.cut(host, sim.chance.integer(3) === 0 ? ['up'] : ['up', 'down']);
    after(sim, fencedAfterMs(SIM_SELF_FENCE_MS) + sim.chance.integer(40_000), () => sim.network.heal(host));
  },
  'one-way-cut': (sim, host, forMs) => {
    sim.network.cut(host, sim.chance.integer(2) === 0 ? ['up'] : ['down']);
    after(sim, forMs, () => sim.network.heal(host));
  },
  'clock-step': (sim, host) => {
    const byMs =
      (sim.chance.integer(2) === 0 ? 1 : -1) *
      sim.chance.integer(sim.chance.integer(2) === 0 ? 5_000 : 600_000);
    if (sim.chance.integer(2) === 0) host.wallOffsetMs += byMs;
    else if (sim.controller !== undefined) sim.controller.wallOffsetMs += byMs;
  },
  'driver-hang': (sim, host, forMs) => {
    host.hinder(forMs + RETRIED_AFTER_MS);
    host.engineTrouble('hung');
    after(sim, forMs, () => {
      host.engine = 'up';
    });
  },
  'driver-restart': (sim, host, forMs) => {
    const live = sim.chance.integer(2) === 0;
    host.hinder(Math.min(forMs, 20_000) + RETRIED_AFTER_MS);
    host.engineTrouble('down');
    if (!live) for (const container of host.containers.values()) host.end(container, { signal: 9 });
    after(sim, Math.min(forMs, 20_000), () => {
      host.engine = 'up';
    });
  },
  'lost-reply': (sim, host, forMs) => {
    host.losesReplies = true;
    after(sim, forMs, () => {
      host.losesReplies = false;
    });
  },
  'gpu-loss': (sim, host, forMs) => {
    const gpu = host.gpus()[sim.chance.integer(host.gpuCount)];
    if (gpu === undefined) return;
    host.lostGpus.add(gpu.uuid);
    for (const container of host.containers.values()) {
      if (container.gpuUuids.includes(gpu.uuid)) host.end(container, { code: 1, signal: 0 });
    }
    const look = (): void => sim.agents.get(host)?.session?.inventoryChanged();
    after(sim, 500, look);
    after(sim, forMs, () => {
      host.lostGpus.delete(gpu.uuid);
      look();
    });
  },
};

function loseJournal(sim: Cluster, host: Host): void {
  const agent = sim.agents.get(host);
  if (agent === undefined) return;
  sim.agentDied(agent);
  host.journalDisk.wipe();
  host.excusedAtMs = sim.world.nowMs;
  host.hinder(WITHOUT_MEMORY_MS);
  // What a lost journal makes worst: the engine cannot say either what runs.
  if (sim.chance.integer(2) === 0) {
    host.engineTrouble('down');
    after(sim, 1_000 + sim.chance.integer(20_000), () => {
      host.engine = 'up';
    });
  }
}
