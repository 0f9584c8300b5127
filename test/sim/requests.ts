/**
 * How people ask: over the network, again when there is no answer, under the same request id. What was asked is seen
 * through until it is answered, also once nobody asks anything new.
 */
import type { Command, RequestMark } from '../../controller/core/command.ts';
import type { CommandOutcome } from '../../controller/core/engine.ts';
import type { Principal } from '../../proto/domain/ids.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Ask, Cluster, Controller } from './parts.ts';

const ANSWER_TIMEOUT_MS = 4_000;
const RETRY_MS = 500;
/** A project may not be there yet; later it is gone for good. */
const PROJECT_TRIES_MAX = 20;

interface Request {
  readonly id: string;
  readonly principal: Principal;
  readonly ask: Ask;
  tries: number;
  done: boolean;
}

export class Requests {
  readonly #sim: Cluster;
  readonly #open = new Set<Request>();
  #count = 0;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  get open(): number {
    return this.#open.size;
  }

  ask(principal: Principal, ask: Ask): void {
    this.#count += 1;
    const request: Request = { id: `r${this.#count}`, principal, ask, tries: 0, done: false };
    this.#open.add(request);
    this.#send(request);
  }

  #send(request: Request): void {
    const { world, network, controller } = this.#sim;
    if (request.done) return;
    request.tries += 1;
    if (controller === undefined || !controller.ready || !controller.process.alive) {
      world.schedule(RETRY_MS, 'user-retry', () => this.#send(request));
      return;
    }
    const { tries } = request;
    world.schedule(ANSWER_TIMEOUT_MS, 'user-timeout', () => {
      if (request.tries === tries) this.#send(request);
    });
    world.schedule(
      network.latencyMs(),
      'request',
      () => this.#serve(request, controller),
      controller.process,
    );
  }

  /** In the controller's process. */
  #serve(request: Request, controller: Controller): void {
    const { engine, process } = controller;
    const mark: RequestMark = { requestId: request.id, contentHash: request.id };
    let command: Command;
    try {
      command = request.ask.make(mark, controller);
    } catch {
      // A controller that is ending looks nothing up any more; without an answer the same is asked again.
      return;
    }
    const context = { principal: request.principal, nowMs: process.clock.nowMs() };
    const { world, network, chance, bug } = this.#sim;
    const answer = (take: () => void): void => {
      // An answer may be lost after all was done: the user asks again.
      const lost = this.#sim.on('connection-loss') && chance.integer(12) === 0;
      if (!lost) world.schedule(network.latencyMs(), 'answer', take);
    };
    const subject = command.type === 'create-job' ? command.id : request.ask.subject;
    if (bug === 'reply-before-commit' && subject !== undefined) {
      answer(() => this.#accepted(request, { subject, seq: 0, replayed: false }));
    }
    engine.submit(command, context).then(
      (outcome) => answer(() => this.#accepted(request, outcome)),
      (error: ClusterError) => answer(() => this.#refused(request, error)),
    );
  }

  #accepted(request: Request, outcome: CommandOutcome): void {
    this.#sim.world.mark(`${request.id} acknowledged ${outcome.subject}`);
    request.ask.accepted?.(outcome, request.id);
    if (!request.done) request.ask.settled?.(outcome);
    this.#finish(request);
  }

  #refused(request: Request, error: ClusterError): void {
    if (request.done) return;
    const waits = error.code === 'PROJECT_NOT_FOUND' && request.tries < PROJECT_TRIES_MAX;
    const again = error.kind === 'unavailable' || error.kind === 'conflict' || waits;
    if (again) {
      this.#sim.world.schedule(RETRY_MS, 'user-retry', () => this.#send(request));
      return;
    }
    request.ask.settled?.(undefined);
    this.#finish(request);
  }

  #finish(request: Request): void {
    request.done = true;
    this.#open.delete(request);
  }
}
