/**
 * One life of an agent: the production supervisor, reporter and session over the simulated machine. Wired as
 * agent/run-agent does it, with twins of journal, logs and storage and without telemetry and data connections.
 */
import { createConditionBoard } from '../../agent/session/condition-board.ts';
import { createReporter, type Reporter } from '../../agent/session/reporter.ts';
import { type Session, startSession } from '../../agent/session/session.ts';
import { createSupervisor, type Supervisor } from '../../agent/session/supervisor.ts';
import type { Inventory } from '../../proto/domain/catalog.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { anInventory } from '../kit/builders.ts';
import type { Host } from './parts.ts';
import { createSimDriver } from './sim-driver.ts';
import { createSimLogs, createSimStorage } from './sim-storage.ts';
import { SimProcess } from './world.ts';

/** Nothing is ever sent over it: the simulated network speaks for it. */
const NO_CHANNEL = { close: () => undefined } as unknown as RpcChannel;

export class SimAgent {
  readonly process: SimProcess;
  readonly host: Host;
  supervisor: Supervisor | undefined;
  session: Session | undefined;
  #reporter: Reporter | undefined;

  constructor(host: Host, life: number) {
    this.host = host;
    this.process = new SimProcess(host.sim.world, `${host.name}-agent-${life}`, () => host.wallOffsetMs);
  }

  async open(): Promise<void> {
    const { host, process } = this;
    const { sim } = host;
    const { clock } = process;
    const logger = sim.loggerOf(process);
    const journal = host.journalDisk.open(process);
    const rng = sim.world.rng.split(process.name);
    const conditions = createConditionBoard(clock, () => this.session?.inventoryChanged());
    const supervisor = sim.planted.supervisor(
      createSupervisor({
        hostId: host.id,
        bootId: host.bootId,
        clusterId: () => this.session?.clusterId ?? journal.content.meta.clusterId,
        drivers: [sim.planted.driver(createSimDriver(host, process), journal.content.records, host)],
        storage: createSimStorage(host, process),
        logs: createSimLogs(host),
        journal,
        conditions,
        clock,
        rng,
        logger,
        onDirty: (name) => this.#reporter?.markDirty(name),
        onAbsence: () => this.#reporter?.refresh(),
        onMassStop: () => this.#massStopHeld(supervisor),
        onBug: (error) => {
          if (error.kind === 'bug')
            sim.world.violate(`an agent met a bug: ${error.code} ${JSON.stringify(error.details)}`);
          sim.world.mark(`${process.name} gives up: ${error.code} ${error.message}`);
          sim.agentDied(this);
        },
      }),
    );
    this.supervisor = supervisor;
    await supervisor.recover();
    const reporter = createReporter({
      journal,
      clock,
      logger,
      observe: (name) => supervisor.observe(name),
      revisionApplied: () => supervisor.appliedRevision,
    });
    this.#reporter = reporter;
    this.session = startSession({
      identity: {
        hostId: host.id,
        hostName: host.name,
        bootId: host.bootId,
        sessionId: process.name,
        agentVersion: '0.1.0',
      },
      inventory: () => this.#inventory(),
      openChannel: () => NO_CHANNEL,
      speak: (_channel, messages, signal) => sim.network.speak(host, process, messages, signal),
      supervisor,
      reporter,
      journal,
      clock,
      uptimeMs: () => host.uptimeMs(),
      rng,
      logger,
      onWelcome: () => undefined,
      openDataConnection: () => Promise.resolve(),
    });
  }

  #massStopHeld(supervisor: Supervisor): void {
    const { host } = this;
    host.sim.world.mark(`${host.name} holds a stop of ${supervisor.massStop().count}`);
    this.session?.massStopChanged();
    host.sim.planted.massStopHeld(supervisor);
  }

  #inventory(): Inventory {
    return anInventory({ gpus: this.host.gpus() });
  }
}
