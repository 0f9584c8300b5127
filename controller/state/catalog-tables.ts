/**
 * The small tables around jobs: projects, secrets, hosts, machine types, each with the indexes that lookups need.
 */
import type { Host, MachineType, Project, Secret } from '../../proto/domain/catalog.ts';
import type { HostId, JobId, ProjectId, SecretId } from '../../proto/domain/ids.ts';
import { LOOKUP_MATCHES_MAX } from '../core/limits.ts';
import { deriveMachineTypes } from '../core/machine-type/derive-machine-types.ts';
import type { Lookup } from '../core/view.ts';
import { SortedIds } from './sorted-ids.ts';

/** Records with unique ids and names that need not be unique. */
export class NamedTable<Id extends string, T extends { readonly id: Id; readonly name: string }> {
  readonly #records = new Map<Id, T>();
  readonly #ids = new SortedIds<Id>();
  readonly #byName = new Map<string, SortedIds<Id>>();
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get size(): number {
    return this.#records.size;
  }

  get(id: Id): T | undefined {
    return this.#records.get(id);
  }

  *list(): IterableIterator<T> {
    for (const id of this.#ids) yield this.#records.get(id)!;
  }

  put(record: T): void {
    this.delete(record.id);
    this.#records.set(record.id, record);
    this.#ids.add(record.id);
    const named = this.#byName.get(record.name) ?? new SortedIds<Id>();
    named.add(record.id);
    this.#byName.set(record.name, named);
  }

  delete(id: Id): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    this.#records.delete(id);
    this.#ids.delete(id);
    const named = this.#byName.get(record.name);
    named?.delete(id);
    if (named?.size === 0) this.#byName.delete(record.name);
  }

  /** By id, then by name, then by unambiguous prefix of the id (its kind prefix may be left out). */
  find(ref: string): Lookup<T> {
    const exact = this.#records.get(ref as Id);
    if (exact !== undefined) return { found: true, record: exact };
    const named = [...(this.#byName.get(ref) ?? [])];
    if (named.length > 0) return this.#only(named.slice(0, LOOKUP_MATCHES_MAX));
    if (ref === '') return { found: false, why: 'absent', matches: [] };
    const prefix = ref.startsWith(this.#prefix) ? ref : this.#prefix + ref;
    return this.#only(this.#ids.startingWith(prefix, LOOKUP_MATCHES_MAX));
  }

  #only(matches: readonly Id[]): Lookup<T> {
    const first = matches[0];
    if (first === undefined) return { found: false, why: 'absent', matches };
    if (matches.length > 1) return { found: false, why: 'ambiguous', matches };
    return { found: true, record: this.#records.get(first)! };
  }
}

/** Secrets by scope and name; those made for a job have no place in the listing. */
export class SecretTable {
  readonly #secrets = new Map<SecretId, Secret>();
  readonly #listed = new Map<string, Map<string, Secret>>();
  readonly #ofJob = new Map<JobId, SecretId[]>();

  get size(): number {
    return this.#secrets.size;
  }

  get(id: SecretId): Secret | undefined {
    return this.#secrets.get(id);
  }

  all(): Iterable<Secret> {
    return this.#secrets.values();
  }

  find(projectId: ProjectId | undefined, name: string): Secret | undefined {
    return this.#scope(projectId)?.get(name) ?? this.#scope(undefined)?.get(name);
  }

  /** By name. O(secrets of the scope). */
  list(projectId: ProjectId | undefined): readonly Secret[] {
    return [...(this.#scope(projectId)?.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  countOf(projectId: ProjectId | undefined): number {
    return this.#scope(projectId)?.size ?? 0;
  }

  ofJob(jobId: JobId): readonly SecretId[] {
    return this.#ofJob.get(jobId) ?? [];
  }

  put(secret: Secret): void {
    this.#secrets.set(secret.id, secret);
    if (secret.ownerJobId !== undefined) {
      const ids = this.#ofJob.get(secret.ownerJobId) ?? [];
      this.#ofJob.set(secret.ownerJobId, [...ids.filter((id) => id !== secret.id), secret.id].sort());
      return;
    }
    const scope = this.#scope(secret.projectId) ?? new Map<string, Secret>();
    scope.set(secret.name, secret);
    this.#listed.set(secret.projectId ?? '', scope);
  }

  delete(id: SecretId): void {
    const secret = this.#secrets.get(id);
    if (secret === undefined) return;
    this.#secrets.delete(id);
    if (secret.ownerJobId !== undefined) {
      const left = this.ofJob(secret.ownerJobId).filter((other) => other !== id);
      if (left.length === 0) this.#ofJob.delete(secret.ownerJobId);
      else this.#ofJob.set(secret.ownerJobId, [...left]);
      return;
    }
    const scope = this.#scope(secret.projectId);
    if (scope?.get(secret.name)?.id === id) scope.delete(secret.name);
  }

  #scope(projectId: ProjectId | undefined): Map<string, Secret> | undefined {
    return this.#listed.get(projectId ?? '');
  }
}

/** Operator-made machine types, aliases, and the ones derived from the hosts, computed when asked for. */
export class MachineTypeTable {
  readonly own = new Map<string, MachineType>();
  readonly aliases = new Map<string, string>();
  #all: readonly MachineType[] | undefined;
  readonly #hosts: () => Iterable<Host>;

  constructor(hosts: () => Iterable<Host>) {
    this.#hosts = hosts;
  }

  /** Call after any change of hosts, machine types or aliases. */
  forget(): void {
    this.#all = undefined;
  }

  /** By name, operator-made ones in place of derived ones of the same name. */
  list(): readonly MachineType[] {
    this.#all ??= this.#compute();
    return this.#all;
  }

  find(ref: string): Lookup<MachineType> {
    const name = this.aliases.get(ref) ?? ref;
    const record = this.list().find((type) => type.name === name);
    return record === undefined ? { found: false, why: 'absent', matches: [] } : { found: true, record };
  }

  #compute(): readonly MachineType[] {
    const byName = new Map<string, Omit<MachineType, 'aliases'>>();
    for (const type of deriveMachineTypes(this.#hosts())) byName.set(type.name, type);
    for (const type of this.own.values()) byName.set(type.name, type);
    const aliases = new Map<string, string[]>();
    for (const [alias, name] of this.aliases) aliases.set(name, [...(aliases.get(name) ?? []), alias]);
    return [...byName.values()]
      .map((type) => ({ ...type, aliases: (aliases.get(type.name) ?? []).sort() }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  }
}

export type HostTable = NamedTable<HostId, Host>;
export type ProjectTable = NamedTable<ProjectId, Project>;
