/**
 * One agent's control stream: takes hello and reports to the engine, and sends what the host should hold. Acks go
 * out after the commit only; the next message is worked out when the transport asks for it, never earlier.
 */
import type { Inventory } from '../../../proto/domain/catalog.ts';
import type { HostId, Principal } from '../../../proto/domain/ids.ts';
import { isHostId, toTaskName } from '../../../proto/domain/ids.ts';
import type {
  AgentMessage,
  ControllerEnvelope,
  DesiredMessage,
  HelloMessage,
  MassStopMessage,
  ObservedMessage,
} from '../../../proto/domain/session.ts';
import { assertNever, type ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import { planComplete, planDelta, type SentSet } from '../../core/agent-sync.ts';
import type { CommandOutcome, Engine } from '../../core/engine.ts';
import type { Liveness } from '../liveness.ts';
import type { TaskKeeper } from '../recovery.ts';
import { helloExpected, leadershipUnproved, reportsOutOfOrder, tooManyHellos } from './agent-link-error.ts';
import { boundHostNames, boundInventory, boundObservations } from './bounded-report.ts';
import type { DesiredSource } from './desired-source.ts';
import type { HelloAdmission } from './hello-admission.ts';
import type { HistoryProofs } from './history-proof.ts';
import type { HostClaims } from './host-claims.ts';
import { createOutbox, type DataConnectionRequest, type Outbox } from './outbox.ts';
import { ReportOrder } from './report-order.ts';

/** An agent that connects says hello within this, or is cut off. */
export const HELLO_TIMEOUT_MS = 10_000;
/** Reports under way to the engine at once; more wait in the transport. */
export const REPORTS_IN_FLIGHT_MAX = 32;

/** Anything else could not be given back as it came. */
const MASS_STOP_HASH = /^[0-9a-f]{64}$/;

/** What the link says in Welcome. */
export interface WelcomeTerms {
  readonly heartbeatMs: number;
  readonly selfFenceMs: number;
  readonly httpPort: () => number;
}

export interface AgentSessionPorts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly liveness: Liveness;
  readonly desired: DesiredSource;
  readonly terms: WelcomeTerms;
  readonly admission: HelloAdmission;
  /** The session became the host's: an older one must end. @throws ClusterError when it may not */
  readonly onHello: (session: AgentSession) => void;
  readonly claims: Pick<HostClaims, 'judge' | 'judgeRefusal'>;
  readonly proofs: Pick<HistoryProofs, 'current'>;
  readonly onDataConnectionFailed: (connectionId: string, message: string) => void;
  /** Present after a restore. */
  readonly keeper?: TaskKeeper;
}

export interface AgentSession {
  /** Present after hello. */
  readonly hostId: HostId | undefined;
  readonly hello: HelloMessage | undefined;
  /** Since anything came from the agent. */
  readonly silentMs: number;
  /** The host's desired set may have changed. */
  markChanged(): void;
  requestDataConnection(request: DataConnectionRequest): boolean;
  /** The stop that the agent holds back, by its last word. */
  readonly massStop: MassStopMessage | undefined;
  /** Tells the agent that a person wants the stop that it holds. */
  confirmStop(): void;
  /** Ends the stream with this error, or in peace. Idempotent. */
  end(error?: ClusterError): void;
  /** Everything that goes to the agent, until either side ends. @throws what ended the session */
  run(incoming: AsyncIterable<AgentMessage>): AsyncGenerator<ControllerEnvelope>;
}

export function createAgentSession(ports: AgentSessionPorts): AgentSession {
  return new LiveAgentSession(ports);
}

class LiveAgentSession implements AgentSession {
  readonly #ports: AgentSessionPorts;
  readonly #outbox: Outbox = createOutbox();
  #hello: HelloMessage | undefined;
  #clusterId = '';
  #ended: { readonly error: ClusterError | undefined } | undefined;
  /** Tasks the agent holds by its own word; what a complete set must name. */
  #known: ReadonlySet<string> = new Set();
  readonly #reportOrder = new ReportOrder();
  /** Undefined: a complete set is due. */
  #sent: SentSet | undefined;
  #sentRevision = 0;
  #massStop: MassStopMessage | undefined;
  #inFlight = 0;
  #heardAtMs: number;
  #wakeReader: (() => void) | undefined;

  constructor(ports: AgentSessionPorts) {
    this.#ports = ports;
    this.#heardAtMs = ports.clock.monotonicMs();
  }

  get hello(): HelloMessage | undefined {
    return this.#hello;
  }

  get silentMs(): number {
    return this.#ports.clock.monotonicMs() - this.#heardAtMs;
  }

  get hostId(): HostId | undefined {
    return this.#hello?.hostId;
  }

  markChanged(): void {
    this.#outbox.markChanged();
  }

  requestDataConnection(request: DataConnectionRequest): boolean {
    return this.#outbox.putDataConnection(request);
  }

  get massStop(): MassStopMessage | undefined {
    return this.#massStop;
  }

  confirmStop(): void {
    if (this.#massStop === undefined) return;
    const { count, hash } = this.#massStop;
    this.#outbox.putStopConsent({ count, hash });
  }

  end(error?: ClusterError): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#outbox.close();
    this.#wakeReader?.();
  }

  async *run(incoming: AsyncIterable<AgentMessage>): AsyncGenerator<ControllerEnvelope> {
    const { clock, engine } = this.#ports;
    const late = clock.after(HELLO_TIMEOUT_MS, () => {
      if (this.#hello === undefined) this.end(helloExpected('no hello came in time'));
    });
    // The reader settles `end` in every case, so its promise carries no news.
    void this.#readAll(incoming);
    try {
      for (;;) {
        const item = await this.#outbox.next();
        if (item === undefined) break;
        const message = item.kind === 'sync' ? await this.#nextDesired() : item;
        if (message !== undefined) yield { epoch: engine.epoch, message };
      }
      if (this.#ended?.error !== undefined) throw this.#ended.error;
    } finally {
      late.cancel();
      this.end();
    }
  }

  async #readAll(incoming: AsyncIterable<AgentMessage>): Promise<void> {
    try {
      for await (const message of incoming) {
        if (this.#ended !== undefined) return;
        await this.#take(message);
      }
      this.end();
    } catch (error) {
      this.end(error as ClusterError);
    }
  }

  async #take(message: AgentMessage): Promise<void> {
    this.#heardAtMs = this.#ports.clock.monotonicMs();
    if (message.kind === 'hello') return this.#takeHello(message);
    const hello = this.#hello;
    if (hello === undefined) throw helloExpected('another message came before hello');
    const { hostId } = hello;
    this.#ports.liveness.heard(hostId);
    switch (message.kind) {
      case 'heartbeat':
        return this.#echo(message.nonce);
      case 'observed':
        return this.#takeReport(hello, message);
      case 'resync-request':
        this.#sent = undefined;
        return this.#outbox.markChanged();
      case 'inventory':
        await this.#register(hello, message.inventory);
        return;
      case 'fenced':
        return this.#ports.claims.judgeRefusal(hostId, message.maxEpoch);
      case 'mass-stop-held':
        return this.#takeMassStop(hostId, message);
      case 'data-connection-failed':
        return this.#ports.onDataConnectionFailed(message.connectionId, message.message);
      default:
        return assertNever(message);
    }
  }

  /**
   * A heartbeat that is answered lets the agent go on for another while, so only a leader answers: the log is asked
   * after the heartbeat came. A newer leader counts the agent's silence from later than that.
   */
  async #echo(nonce: number): Promise<void> {
    if (!(await this.#ports.engine.stillLeads())) throw leadershipUnproved();
    this.#outbox.putHeartbeatAck(nonce);
  }

  #takeMassStop(hostId: HostId, message: MassStopMessage): void {
    const { count, liveCount, hash } = message;
    const isHeld = count > 0 && MASS_STOP_HASH.test(hash);
    this.#massStop = isHeld ? message : undefined;
    if (isHeld) this.#ports.logger.warn('an agent holds back a mass stop', { hostId, count, liveCount });
  }

  async #takeHello(hello: HelloMessage): Promise<void> {
    const { engine, terms, liveness, logger } = this.#ports;
    if (this.#hello !== undefined) throw helloExpected('hello came twice');
    if (!isHostId(hello.hostId)) throw helloExpected('the host id is malformed');
    const retryAfterMs = this.#ports.admission.ask();
    if (retryAfterMs > 0) throw tooManyHellos(retryAfterMs);
    const { headSeq, clusterId } = await engine.read((view) => ({
      headSeq: view.headSeq,
      clusterId: view.clusterId,
    }));
    await this.#ports.claims.judge(hello, headSeq, clusterId);
    this.#hello = hello;
    this.#clusterId = clusterId;
    this.#known = new Set(hello.tasks.map(({ key }) => toTaskName(key)));
    this.#ports.onHello(this);
    const { hostId, appliedRevision: revisionApplied } = hello;
    const { bootId } = boundHostNames(hello);
    const tasks = boundObservations(hello.tasks);
    // Both asked for at once, so that one sync holds them.
    await Promise.all([
      this.#register(hello, hello.inventory),
      engine.submit(
        { type: 'observe-tasks', hostId, bootId, reportSeq: 0, complete: true, revisionApplied, tasks },
        this.#context(hostId),
      ),
    ]);
    // A hello that changes nothing commits nothing, so no commit has proved it; an agent that lost its memory obeys anyone.
    if (!(await engine.stillLeads())) throw leadershipUnproved();
    await this.#ports.keeper?.welcome(hostId, bootId, tasks);
    const { heartbeatMs, selfFenceMs, httpPort } = terms;
    this.#outbox.putWelcome({
      kind: 'welcome',
      clusterId,
      heartbeatMs,
      selfFenceMs,
      httpPort: httpPort(),
      proof: this.#ports.proofs.current(clusterId),
    });
    this.#outbox.markChanged();
    if (this.#ended !== undefined) return;
    liveness.connected(hostId);
    const { hostName: host, agentVersion: version } = hello;
    logger.info('agent connected', { hostId, host, version, tasks: tasks.length });
  }

  #context(hostId: HostId): { readonly principal: Principal; readonly nowMs: number } {
    return { principal: `agent:${hostId}` as Principal, nowMs: this.#ports.clock.nowMs() };
  }

  #register(hello: HelloMessage, inventory: Inventory): Promise<CommandOutcome> {
    const { hostName: name, bootId, agentVersion } = boundHostNames(hello);
    const { hostId } = hello;
    return this.#ports.engine.submit(
      { type: 'register-host', hostId, name, bootId, agentVersion, inventory: boundInventory(inventory) },
      this.#context(hostId),
    );
  }

  async #takeReport(hello: HelloMessage, report: ObservedMessage): Promise<void> {
    const { hostId } = hello;
    const { bootId } = boundHostNames(hello);
    const { reportSeq, revisionApplied } = report;
    const rank = this.#reportOrder.take(reportSeq, report.complete);
    if (rank === 'out-of-order') throw reportsOutOfOrder();
    const complete = report.complete && rank === 'in-order';
    const tasks = boundObservations(report.tasks);
    if (this.#ports.keeper?.observed(hostId, tasks) === true) {
      // A complete set that no longer names it lets the agent forget it.
      this.#sent = undefined;
      this.#outbox.markChanged();
    }
    const committed = this.#ports.engine.submit(
      { type: 'observe-tasks', hostId, bootId, reportSeq, complete, revisionApplied, tasks },
      this.#context(hostId),
    );
    this.#inFlight += 1;
    committed
      .then(
        ({ seq }) => {
          const proof = this.#ports.proofs.current(this.#clusterId);
          this.#outbox.putAck({ reportSeq, committedSeq: seq, proof });
        },
        // Unacknowledged, the agent keeps it; a new session starts with everything that is on the host.
        (error: unknown) => this.end(error as ClusterError),
      )
      .finally(() => {
        this.#inFlight -= 1;
        this.#wakeReader?.();
      });
    while (this.#inFlight >= REPORTS_IN_FLIGHT_MAX && this.#ended === undefined) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** The difference between what was sent and what the host should hold now; undefined when there is none. */
  async #nextDesired(): Promise<DesiredMessage | undefined> {
    const { engine, desired } = this.#ports;
    const hostId = this.hostId as HostId;
    const wanted = await engine.read((view) => view.wanted(hostId));
    const complete = this.#sent === undefined;
    const step =
      this.#sent === undefined
        ? planComplete(this.#known, wanted.tasks, desired.budget)
        : planDelta(this.#sent, wanted.tasks, desired.budget);
    const baseRevision = this.#sentRevision;
    this.#sent = step.sent;
    if (step.more) this.#outbox.markChanged();
    if (!complete && step.tasks.length + step.dropped.length === 0) return undefined;
    this.#sentRevision = wanted.revision;
    return complete
      ? desired.toComplete(step, wanted.revision, this.#ports.keeper?.kept(hostId) ?? [])
      : desired.toDelta(step, baseRevision, wanted.revision);
  }
}
