/** Aim: the policy changes by versions, checked whole. Method: commands in a world. */
import t from 'tap';
import { decideSetPolicy } from '../../../../../controller/core/policy/decide-policy.ts';
import { DEFAULT_POLICY } from '../../../../../proto/domain/scheduling-policy.ts';
import { World } from '../../../../kit/stores-world.ts';

const set = (settings: Record<string, string>, part: object = {}) =>
  ({ type: 'set-policy', settings, note: '', ...part }) as const;

t.test('each change is a version of its own', async (t) => {
  const world = new World();
  t.same(world.state.scheduling.policy.policy, DEFAULT_POLICY);
  world.run(set({ backfill: 'conservative', 'fair-share-half-life': '14d' }, { note: 'long jobs' }));
  const changed = { ...DEFAULT_POLICY, backfill: 'conservative', fairShareHalfLifeMs: 14 * 86_400_000 };
  t.match(world.state.scheduling.policy, {
    version: 1,
    policy: changed,
    note: 'long jobs',
    setBy: 'user:test',
  });
  world.run(set({ servicePolicy: 'true' }));
  t.same(
    world.state.scheduling.policies().map(({ version }) => version),
    [2, 1, 0],
  );
  t.same(world.run(set({ servicePolicy: 'true' })).events, [], 'nothing changed');
});

t.test('old versions are forgotten', async (t) => {
  const world = new World();
  for (let n = 1; n <= 103; n += 1) world.run(set({ backfillDepth: String(n) }));
  const versions = world.state.scheduling.policies().map(({ version }) => version);
  t.same([versions.length, versions[0], versions.at(-1)], [100, 103, 4]);
});

t.test('what is not a setting, or not a value of it, is refused', async (t) => {
  const world = new World();
  for (const [settings, path] of [
    [{ nope: '1' }, 'nope'],
    [{ __proto__x: '1' }, '__proto__x'],
    [{ backfill: 'always' }, 'backfill'],
    [{ backfillDepth: '0' }, 'backfillDepth'],
    [{ backfillDepth: '-1' }, 'backfillDepth'],
    [{ agingPointsMax: '99999999999999999999' }, 'agingPointsMax'],
    [{ preemption: 'yes' }, 'preemption'],
    [{ preemptionGrace: '0' }, 'preemptionGrace'],
    [{ reclaimBound: '2y' }, 'reclaimBound'],
    [{}, 'settings'],
  ] as const) {
    t.match(world.refusal(set(settings)), { kind: 'invalid', code: 'POLICY_INVALID', fields: [{ path }] });
  }
});

t.test('a change of an older version is refused when asked', async (t) => {
  const world = new World();
  world.run(set({ preemption: 'false' }, { expectedVersion: 0 }));
  const decision = decideSetPolicy(world.state, set({ preemption: 'true' }, { expectedVersion: 0 }));
  t.match(decision, { ok: false, error: { kind: 'conflict', code: 'POLICY_CHANGED' } });
});
