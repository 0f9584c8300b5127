/**
 * Connections between agents and controllers. Within one direction of one connection order holds, as TCP gives it;
 * everything else may fail: delay, stall, loss of all in flight, an end that only one side hears of, messages of a
 * dead connection that still arrive.
 */
import type { AgentMessage, ControllerEnvelope } from '../../proto/domain/session.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Cluster, Controller, Direction, Host, Item, Lane, Network, Pipe } from './parts.ts';
import type { SimProcess } from './world.ts';

/** Messages of one direction that may be under way before the sender has to wait. */
const WINDOW = 64;

/** One direction: a queue that arrives in order, and a reader at its end. */
class OrderedPipe<T> implements Pipe<T> {
  /** Nothing arrives any more, and nobody is told. */
  dead = false;
  readonly #lane: Connection;
  readonly #direction: Direction;
  readonly #receiver: SimProcess;
  readonly #stalled: Item<T>[] = [];
  readonly #arrived: Item<T>[] = [];
  #inFlight = 0;
  #dueMs = 0;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(lane: Connection, direction: Direction, receiver: SimProcess) {
    this.#lane = lane;
    this.#direction = direction;
    this.#receiver = receiver;
  }

  send(item: Item<T>): void {
    if (this.dead) return;
    const { world, network } = this.#lane.sim;
    this.#inFlight += 1;
    this.#dueMs = Math.max(this.#dueMs, world.nowMs + network.latencyMs());
    world.schedule(this.#dueMs - world.nowMs, this.#direction, () => this.#arrive(item), this.#receiver);
  }

  async room(): Promise<void> {
    if (this.#inFlight < WINDOW) return;
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  #arrive(item: Item<T>): void {
    if (this.dead) return;
    if (this.#stalled.length > 0 || this.#lane.sim.network.isCut(this.#lane.host, this.#direction)) {
      this.#stalled.push(item);
      return;
    }
    this.#inFlight -= 1;
    this.#wakeWriter?.();
    this.#arrived.push(item);
    this.#wakeReader?.();
  }

  /** The cut is healed: what was held up arrives, in order. What is under way may overtake it: messages change order. */
  flush(): void {
    const items = this.#stalled.splice(0);
    const { world } = this.#lane.sim;
    if (items.length === 0) return;
    for (const item of items) {
      this.#dueMs = Math.max(this.#dueMs, world.nowMs + 1);
      world.schedule(this.#dueMs - world.nowMs, this.#direction, () => this.#arrive(item), this.#receiver);
    }
  }

  /** Everything under way is lost. */
  cut(): readonly Item<T>[] {
    this.dead = true;
    return this.#stalled.splice(0);
  }

  /** Ends the reader at once, as a broken connection does. */
  break(): void {
    this.dead = true;
    this.#arrived.push({ end: true });
    this.#wakeReader?.();
  }

  async next(): Promise<Item<T>> {
    for (;;) {
      const item = this.#arrived.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }
}

class Connection implements Lane {
  readonly sim: Cluster;
  readonly host: Host;
  readonly controller: Controller;
  readonly up: Pipe<AgentMessage>;
  readonly down: Pipe<ControllerEnvelope>;
  readonly aborted = new AbortController();
  agentClosed = false;
  refused = false;

  constructor(sim: Cluster, host: Host, agent: SimProcess, controller: Controller) {
    this.sim = sim;
    this.host = host;
    this.controller = controller;
    this.up = new OrderedPipe(this, 'up', controller.process);
    this.down = new OrderedPipe(this, 'down', agent);
  }

  /** The agent's end is closed, or its process is gone; the machine says so if it can. */
  closeFromAgent(): void {
    if (this.agentClosed) return;
    this.agentClosed = true;
    this.down.cut();
    this.up.send({ end: true });
  }

  /** The controller's side of the stream; ends when the agent's end is heard of. */
  async *incoming(): AsyncGenerator<AgentMessage> {
    for (;;) {
      const item = await this.up.next();
      if ('end' in item) {
        this.aborted.abort();
        this.sim.network.forget(this);
        this.sim.planted.ended(this);
        return;
      }
      yield item.message;
    }
  }
}

export class SimNetwork implements Network {
  readonly lanes = new Set<Lane>();
  duplicates = false;
  emptiesSets = false;
  readonly #sim: Cluster;
  readonly #cuts = new Map<Host, Set<Direction>>();
  /** Which controller a host dials when it is not the newest. */
  readonly stubborn = new Map<Host, Controller>();

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  latencyMs(): number {
    const { chance } = this.#sim;
    return chance.integer(40) === 0 ? 50 + chance.integer(500) : 0.2 + chance.fraction() * 8;
  }

  isCut(host: Host, direction: Direction): boolean {
    return this.#cuts.get(host)?.has(direction) ?? false;
  }

  cut(host: Host, directions: readonly Direction[]): void {
    this.#cuts.set(host, new Set(directions));
  }

  heal(host: Host): void {
    if (!this.#cuts.delete(host)) return;
    for (const lane of this.lanes) {
      if (lane.host !== host) continue;
      lane.up.flush();
      lane.down.flush();
    }
  }

  forget(lane: Lane): void {
    this.lanes.delete(lane);
  }

  target(host: Host): Controller | undefined {
    const old = this.stubborn.get(host);
    if (old?.ready === true && this.#sim.chance.integer(2) === 0) return old;
    const { controller } = this.#sim;
    return controller?.process.alive === true && controller.ready ? controller : undefined;
  }

  /** The agent's side of one connection: the `speak` of its session. */
  async *speak(
    host: Host,
    agent: SimProcess,
    messages: AsyncIterable<AgentMessage>,
    signal: AbortSignal,
  ): AsyncGenerator<ControllerEnvelope> {
    const { world } = this.#sim;
    await agent.later(this.latencyMs(), 'dial', () => undefined);
    const controller = this.target(host);
    if (this.isCut(host, 'up') || this.isCut(host, 'down') || controller?.process.paused === true) {
      await untilAborted(signal);
    }
    if (controller === undefined || signal.aborted) throw noConnection();
    const lane = new Connection(this.#sim, host, agent, controller);
    this.lanes.add(lane);
    world.mark(`${host.name} connects to ${controller.process.name}`);
    controller.accept(lane);
    const onAbort = (): void => lane.down.break();
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#pumpUp(lane, messages);
    try {
      for (;;) {
        const item = await lane.down.next();
        if ('end' in item || signal.aborted) throw noConnection();
        this.#sim.checker.agentHeard(host, lane, agent, item.message);
        yield this.#sim.planted.down(item.message, host);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      lane.closeFromAgent();
    }
  }

  async #pumpUp(lane: Lane, messages: AsyncIterable<AgentMessage>): Promise<void> {
    const sim = this.#sim;
    for await (const sent of messages) {
      if (lane.agentClosed) return;
      const message = sim.planted.up(sent, lane);
      if (message === undefined) continue;
      sim.checker.agentSaid(lane, message, sent);
      lane.up.send({ message });
      if (this.duplicates && message.kind !== 'hello' && sim.chance.integer(20) === 0)
        lane.up.send({ message });
      await lane.up.room();
    }
  }

  /** Breaks a connection; what is under way is lost. `told` hears of it, the other side never does. */
  break(lane: Lane, told: 'both' | 'agent' | 'controller'): void {
    lane.up.cut();
    lane.down.cut();
    if (told !== 'controller') lane.down.break();
    this.#sim.planted.late(lane);
    if (told !== 'agent') lane.up.break();
  }

  /** Ends one direction for good without a word. */
  silence(lane: Lane): void {
    lane.up.cut();
    lane.down.cut();
  }
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function noConnection(): ClusterError {
  return new ClusterError('unavailable', 'UNREACHABLE', 'the controller cannot be reached');
}
