/**
 * Aim: decisions are pure and state is the fold of their events. Method: fast-check runs random commands; after each
 * the invariants hold (the world checks), and at the end a second fold of the log, and one from rows, are equal.
 */
import fc from 'fast-check';
import t from 'tap';
import type { Command } from '../../../../controller/core/command.ts';
import { apply, Touched } from '../../../../controller/state/apply.ts';
import { canonicalLines } from '../../../../controller/state/canonical.ts';
import { ClusterState } from '../../../../controller/state/cluster-state.ts';
import { rowKeysOf, rowOf, StateLoader } from '../../../../controller/state/rows.ts';
import type { HostId } from '../../../../proto/domain/ids.ts';
import type { TaskPhase } from '../../../../proto/domain/task.ts';
import {
  anExit,
  anInventory,
  anObservation,
  hostId,
  jobId,
  projectId,
  secretId,
  someGpus,
} from '../../../kit/builders.ts';
import { World } from '../../../kit/stores-world.ts';

const digit = fc.integer({ min: 0, max: 5 });
const flag = fc.boolean();

/** Commands as numbers, so that shrinking works; ids are drawn from few, so that they meet. */
const step = fc.record({
  kind: fc.constantFrom(
    'host',
    'job',
    'job',
    'place',
    'place',
    'observe',
    'observe',
    'observe',
    'stop',
    'delete',
    'retry',
    'tag',
    'project',
    'secret',
    'alias',
    'wait',
  ),
  a: digit,
  b: digit,
  flag,
  phase: fc.constantFrom<TaskPhase>('accepted', 'preparing', 'running', 'finalizing', 'exited', 'unknown'),
  exit: fc.constantFrom('ok', 'fail', 'lost', 'signal', 'limit'),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const EXITS = {
  ok: anExit(),
  fail: anExit({ code: 1, verdict: 'user-code' }),
  lost: anExit({ verdict: 'host', reason: 'X' }),
  signal: anExit({ signal: 15, reason: 'STOPPED' }),
  limit: anExit({ signal: 15, verdict: 'time-limit' }),
} as const;

const sealed = new Uint8Array([1]);

function toCommand(world: World, { kind, a, b, flag, phase, exit }: Step): Command | undefined {
  const host: HostId = hostId(a % 2);
  const order = { project: 'default', job: jobId(a) } as const;
  const request = { requestId: `r${b}`, contentHash: `h${a}` };
  switch (kind) {
    case 'host': {
      const inventory = anInventory({ gpus: someGpus(2, { host: String(a % 2), schedulable: b !== 3 }) });
      const base = { type: 'register-host', hostId: host, name: `h${a}`, agentVersion: '1' } as const;
      return { ...base, bootId: b === 5 ? 'boot-1' : 'boot-0', inventory };
    }
    case 'job': {
      const spec = world.spec({
        resources: { gpuMilli: (b % 3) * 1000 },
        retries: b % 2,
        waitForHosts: flag,
        exclusive: b === 5,
      });
      const secrets = flag ? [{ id: secretId(`j${a}`), name: 'registry', sealed }] : [];
      return {
        type: 'create-job',
        id: jobId(a),
        project: 'default',
        spec,
        secrets,
        ...(b === 4 ? { request } : {}),
      };
    }
    case 'place':
      return { type: 'place-jobs', placements: world.plan().placements };
    case 'observe': {
      const tasks = [a, b].map((id) =>
        anObservation({
          key: { jobId: jobId(id), attempt: b === 0 ? 2 : 1, task: 0 },
          phase,
          observedGeneration: 1 + (b % 2),
          stopped: flag,
          logArchived: flag,
          ...(phase === 'exited' || phase === 'finalizing' ? { exit: EXITS[exit] } : {}),
        }),
      );
      const base = {
        type: 'observe-tasks',
        hostId: host,
        bootId: b === 5 ? 'boot-1' : 'boot-0',
        reportSeq: 1,
      } as const;
      return {
        ...base,
        complete: a === 0,
        revisionApplied: world.state.headSeq - b,
        tasks: flag ? tasks : tasks.slice(0, 1),
      };
    }
    case 'stop':
      return { type: 'stop-job', ...order };
    case 'delete':
      return { type: 'delete-job', ...order };
    case 'retry':
      return { type: 'retry-job', ...order };
    case 'tag':
      return { type: 'tag-job', ...order, add: [`t${b}`], remove: flag ? ['t1'] : [] };
    case 'project':
      if (flag) return { type: 'delete-project', project: `p${a}` };
      return { type: 'create-project', id: projectId(b), name: `p${a}`, description: '', tags: [], request };
    case 'secret':
      if (flag) return { type: 'delete-secret', project: '', name: `S${a}` };
      return {
        type: 'set-secret',
        project: b > 2 ? 'default' : '',
        secret: { id: secretId(`${a}${b}`), name: `S${a}`, sealed },
      };
    case 'alias':
      return { type: 'alias-machine-type', name: 'cpu', alias: `alias${a}`, remove: flag };
    case 'wait':
      world.nowMs += a * 4 * 60 * 60 * 1000;
      return undefined;
  }
}

const textOf = (state: ClusterState): string => [...canonicalLines(state)].join('');

t.test('random commands keep the invariants, and state equals the fold and the rows', async (t) => {
  let accepted = 0;
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), (steps) => {
      const world = new World({ requestsMax: 3 });
      for (const id of [0, 1]) {
        world.addHost({
          id: hostId(id),
          bootId: 'boot-0',
          inventory: anInventory({ gpus: someGpus(2, { host: String(id) }) }),
        });
      }
      for (const one of steps) {
        const command = toCommand(world, one);
        if (command === undefined) continue;
        // A decision is taken twice: the same state and command must give the same bytes.
        const decision = world.decide(command);
        if (JSON.stringify(world.decide(command)) !== JSON.stringify(decision))
          throw new Error('not deterministic');
        if (!decision.ok) continue;
        if (decision.events.length > 0) accepted += 1;
        for (const event of world.run(command).events) seen.add(event.type);
      }
      const folded = new ClusterState({ requestsMax: 3 });
      for (const stamped of world.log) apply(folded, JSON.parse(JSON.stringify(stamped)), new Touched());
      if (textOf(folded) !== textOf(world.state)) throw new Error('state is not the fold of its events');
      const loader = new StateLoader();
      for (const key of rowKeysOf(world.state))
        loader.add(key, JSON.parse(JSON.stringify(rowOf(world.state, key))));
      if (textOf(loader.finish(world.state.headSeq)) !== textOf(world.state))
        throw new Error('rows lose something');
    }),
    { numRuns: 300, seed: 42 },
  );
  t.ok(accepted > 3000, `the commands reach deep enough: ${accepted} made events`);
  t.ok(seen.size >= 24, `and wide enough: ${seen.size} types of events`);
});

t.test('a cluster is founded once', async (t) => {
  const world = new World();
  const again = { type: 'found-cluster', clusterId: 'x', projectId: projectId('x') } as const;
  t.match(world.refusal(again), { kind: 'precondition', code: 'CLUSTER_FOUNDED' });
  t.match([...world.state.projects()], [{ name: 'default' }]);
});
