/**
 * Turns what a user asked for into a whole JobSpec, or into everything that is wrong with it at once. The same
 * function runs in the CLI (early, with flag names) and in the controller (which trusts nobody).
 */
import { ClusterError, type FieldViolation } from '../errors/cluster-error.ts';
import {
  type Command,
  type JobSpec,
  ON_DISCONNECT,
  type OnDisconnect,
  type PortMapping,
  type ResourceRequest,
} from './job.ts';
import { checkEnv, countUtf8Bytes } from './job-env.ts';
import { checkResources, withResourceDefaults } from './job-resources.ts';
import {
  checkContainerUser,
  checkImage,
  checkRegistry,
  checkWorkingDirectory,
  checkWorkspace,
  type SourceRules,
} from './job-source.ts';
import { DEFAULTS, LIMITS, WARN_SIGNALS } from './limits.ts';
import { checkDisplayName, checkLabelKey, checkSlug, checkTag, checkText, toTagSet } from './names.ts';
import { DEFAULT_QUEUE, type Dependency } from './scheduling.ts';
import { formatDuration } from './units.ts';
import { createViolations, type Violations } from './violations.ts';

/** A JobSpec in which anything may be missing. Zero and empty mean "not said", but priority 0 is a priority. */
export type JobSpecInput = Partial<Omit<JobSpec, 'resources' | 'onDisconnect'>> & {
  readonly resources?: Partial<ResourceRequest>;
  readonly onDisconnect?: OnDisconnect;
};

export type JobValidation =
  | { readonly ok: true; readonly spec: JobSpec }
  | { readonly ok: false; readonly fields: readonly FieldViolation[] };

export interface JobValidationOptions {
  /** The spec holds secret ids in place of passwords, put there by the server. Default false. */
  readonly sealed?: boolean;
}

function normalizeSignal(signal: string): string {
  return signal.trim().toUpperCase().replace(/^SIG/, '');
}

function withDefaults(input: JobSpecInput): JobSpec {
  const machineType = input.machineType ?? '';
  const retries = input.retries ?? DEFAULTS.retries;
  return {
    name: input.name ?? '',
    image: input.image ?? '',
    containerUser: input.containerUser ?? '',
    ...(input.registry && { registry: input.registry }),
    command: input.command ?? { kind: 'argv', args: [] },
    env: input.env ?? {},
    ports: input.ports ?? [],
    resources: withResourceDefaults(input.resources ?? {}, machineType),
    machineType,
    timeLimitMs: input.timeLimitMs ?? DEFAULTS.timeLimitMs,
    graceMs: input.graceMs || DEFAULTS.graceMs,
    retries,
    maxRunAttempts: input.maxRunAttempts || Math.max(DEFAULTS.maxRunAttempts, retries + 1),
    workingDirectory: input.workingDirectory ?? '',
    ...(input.workspace && { workspace: input.workspace }),
    priority: input.priority ?? DEFAULTS.priority,
    preemptible: input.preemptible ?? false,
    constraints: input.constraints ?? {},
    excludeHosts: input.excludeHosts ?? [],
    exclusive: input.exclusive ?? false,
    waitForHosts: input.waitForHosts ?? false,
    tags: toTagSet(input.tags ?? []),
    tasks: input.tasks || DEFAULTS.tasks,
    warnBeforeMs: input.warnBeforeMs ?? 0,
    warnSignal: normalizeSignal(input.warnSignal || DEFAULTS.warnSignal),
    ...((input.onDisconnect ?? 'wait') === 'wait' ? {} : { onDisconnect: input.onDisconnect as 'replace' }),
    ...((input.queue || DEFAULT_QUEUE) === DEFAULT_QUEUE ? {} : { queue: input.queue as string }),
    ...((input.after?.length ?? 0) === 0 ? {} : { after: input.after as readonly Dependency[] }),
    ...(input.array === undefined ? {} : { array: input.array }),
  };
}

function checkCommand(command: Command, image: string, violations: Violations): void {
  const path = 'spec.command';
  if (command.kind === 'shell') {
    violations.require(command.line.trim() !== '', path, 'must not be empty');
    violations.require(!command.line.includes('\0'), path, 'must not hold a NUL character');
    const fits = countUtf8Bytes(command.line) <= LIMITS.commandLineBytes;
    violations.require(fits, path, `must be at most ${LIMITS.commandLineBytes} bytes`);
    return;
  }
  const { args } = command;
  if (args.length === 0) {
    violations.require(image !== '', path, 'must be given when there is no image to take it from');
    return;
  }
  violations.require(args[0] !== '', path, 'must begin with a program');
  violations.require(args.length <= LIMITS.argvCount, path, `must be at most ${LIMITS.argvCount} arguments`);
  violations.require(
    !args.some((argument) => argument.includes('\0')),
    path,
    'must not hold a NUL character',
  );
  const bytes = args.reduce((sum, argument) => sum + countUtf8Bytes(argument) + 1, 0);
  violations.require(bytes <= LIMITS.argvBytes, path, `must be at most ${LIMITS.argvBytes} bytes in all`);
}

/** Ports below 1024 of the host belong to the host. */
const HOST_PORT_MIN = 1024;

function checkPorts(ports: readonly PortMapping[], violations: Violations): void {
  const path = 'spec.ports';
  violations.require(ports.length <= LIMITS.portCount, path, `must be at most ${LIMITS.portCount}`);
  for (const [index, { containerPort, hostPort }] of ports.slice(0, LIMITS.portCount).entries()) {
    violations.requireRange(containerPort, 1, LIMITS.portMax, `${path}[${index}].containerPort`);
    if (hostPort !== 0) {
      violations.requireRange(hostPort, HOST_PORT_MIN, LIMITS.portMax, `${path}[${index}].hostPort`);
    }
  }
  const hostPorts = ports.map((port) => port.hostPort).filter((port) => port !== 0);
  const distinct = (values: readonly number[]): boolean => new Set(values).size === values.length;
  violations.require(
    distinct(ports.map((port) => port.containerPort)),
    path,
    'must not name a container port twice',
  );
  violations.require(distinct(hostPorts), path, 'must not name a host port twice');
}

function checkTimes(spec: JobSpec, violations: Violations): void {
  const { timeLimitMs, graceMs, warnBeforeMs, warnSignal } = spec;
  violations.requireRange(timeLimitMs, 0, LIMITS.timeLimitMs, 'spec.timeLimitMs', formatDuration);
  violations.requireRange(graceMs, LIMITS.graceMinMs, LIMITS.graceMs, 'spec.graceMs', formatDuration);
  violations.requireRange(warnBeforeMs, 0, LIMITS.warnBeforeMs, 'spec.warnBeforeMs', formatDuration);
  if (warnBeforeMs > 0) {
    const reason = timeLimitMs === 0 ? 'must come with a time limit' : 'must be shorter than the time limit';
    violations.require(warnBeforeMs < timeLimitMs, 'spec.warnBeforeMs', reason);
  }
  const known = (WARN_SIGNALS as readonly string[]).includes(warnSignal);
  violations.require(known, 'spec.warnSignal', `must be one of ${WARN_SIGNALS.join(', ')}`);
}

function checkAttempts(spec: JobSpec, violations: Violations): void {
  const { retries, maxRunAttempts, priority, tasks } = spec;
  violations.requireRange(retries, 0, LIMITS.retries, 'spec.retries');
  violations.requireRange(maxRunAttempts, 1, LIMITS.maxRunAttempts, 'spec.maxRunAttempts');
  violations.requireRange(priority, LIMITS.priorityMin, LIMITS.priorityMax, 'spec.priority');
  violations.require(tasks === 1, 'spec.tasks', 'must be 1: jobs of several tasks are not there yet');
  const known = ON_DISCONNECT.includes(spec.onDisconnect ?? 'wait');
  violations.require(known, 'spec.onDisconnect', `must be one of ${ON_DISCONNECT.join(', ')}`);
}

function checkWaiting(spec: JobSpec, isCommitted: boolean, violations: Violations): void {
  const { queue, after = [], array } = spec;
  if (queue !== undefined) violations.add('spec.queue', checkSlug(queue));
  const { afterCount } = LIMITS;
  violations.require(after.length <= afterCount, 'spec.after', `must be at most ${afterCount}`);
  for (const { on } of after.slice(0, afterCount)) {
    violations.add('spec.after', on === '' ? 'must not be empty' : checkText(on, LIMITS.nameCharacters));
  }
  violations.require(array === undefined || isCommitted, 'spec.array', 'is set by the controller');
}

function checkPlacement(spec: JobSpec, violations: Violations): void {
  const constraints = Object.entries(spec.constraints);
  const { constraintCount, excludeHostCount, tagCount } = LIMITS;
  violations.require(
    constraints.length <= constraintCount,
    'spec.constraints',
    `must be at most ${constraintCount}`,
  );
  for (const [key, value] of constraints.slice(0, constraintCount)) {
    const reason = checkLabelKey(key) ?? checkText(value, LIMITS.labelCharacters);
    violations.add(`spec.constraints.${key.slice(0, 64)}`, reason);
  }
  const { excludeHosts, tags } = spec;
  violations.require(
    excludeHosts.length <= excludeHostCount,
    'spec.excludeHosts',
    `must be at most ${excludeHostCount}`,
  );
  for (const host of excludeHosts.slice(0, excludeHostCount)) {
    violations.add(
      'spec.excludeHosts',
      host === '' ? 'must not be empty' : checkText(host, LIMITS.nameCharacters),
    );
  }
  violations.require(tags.length <= tagCount, 'spec.tags', `must be at most ${tagCount}`);
  for (const tag of tags.slice(0, tagCount)) violations.add('spec.tags', checkTag(tag));
  if (spec.machineType !== '') violations.add('spec.machineType', checkSlug(spec.machineType));
}

/**
 * The spec with every default filled in (tags sorted, signal without SIG), or all violations at once with paths
 * as in the JSON form (`spec.resources.gpuMilli`). Idempotent: a validated spec validates to itself. Never throws.
 */
export function validateJobSpec(input: JobSpecInput, options: JobValidationOptions = {}): JobValidation {
  const spec = withDefaults(input);
  const violations = createViolations();
  const rules: SourceRules = { sealed: options.sealed ?? false };
  if (spec.name !== '') violations.add('spec.name', checkDisplayName(spec.name));
  violations.add('spec.image', checkImage(spec.image));
  violations.add('spec.containerUser', checkContainerUser(spec));
  if (spec.registry) checkRegistry(spec.registry, spec.image, 'spec.registry', rules, violations);
  checkCommand(spec.command, spec.image, violations);
  checkEnv(spec.env, 'spec.env', violations);
  checkPorts(spec.ports, violations);
  checkResources(spec.resources, spec.machineType, 'spec.resources', violations);
  checkTimes(spec, violations);
  checkAttempts(spec, violations);
  violations.add('spec.workingDirectory', checkWorkingDirectory(spec.workingDirectory));
  if (spec.workspace) checkWorkspace(spec.workspace, 'spec.workspace', rules, violations);
  checkPlacement(spec, violations);
  checkWaiting(spec, options.sealed ?? false, violations);
  return violations.fields.length === 0 ? { ok: true, spec } : { ok: false, fields: violations.fields };
}

/**
 * As {@link validateJobSpec}, for callers that answer with an error.
 *
 * @throws ClusterError invalid JOB_SPEC_INVALID with all violations.
 */
export function requireJobSpec(input: JobSpecInput, options: JobValidationOptions = {}): JobSpec {
  const result = validateJobSpec(input, options);
  if (result.ok) return result.spec;
  throw new ClusterError('invalid', 'JOB_SPEC_INVALID', 'the job is not valid', {
    fields: result.fields,
    hint: 'correct the fields that are named',
  });
}
