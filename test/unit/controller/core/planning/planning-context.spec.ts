/** Aim: the same object while nothing that it depends on changed, another once it did. Method: changes one by one. */
import t from 'tap';
import { LiveRooms } from '../../../../../controller/core/planning/live-rooms.ts';
import {
  followContext,
  type PlanningContext,
} from '../../../../../controller/core/planning/planning-context.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('made anew when what operators set changes, and not when work comes', async (t) => {
  const world = new World();
  const live = new LiveRooms();
  let context: PlanningContext | undefined;
  const isSame = (): boolean => {
    live.follow({ view: world.state, readyHosts: new Set() });
    const before = context;
    context = followContext(before, world.state, live);
    return context === before;
  };
  t.notOk(isSame());
  world.addGpuHost(1);
  world.addJob({ resources: { gpuMilli: 1000 } });
  t.ok(isSame(), 'work and hosts');
  world.run({ type: 'create-queue', name: 'quick', change: { priorityBand: 3, limits: {} } });
  t.notOk(isSame(), 'a queue');
  t.equal(context?.bandOf('quick'), 3);
  t.equal(context?.bandOf('none'), 0);
  world.run({ type: 'create-project', id: 'prj_lab' as never, name: 'lab', description: '', tags: [] });
  t.notOk(isSame(), 'a project');
  t.equal(context?.tree.names[context.nodeOf('prj_lab')], 'prj_lab');
  t.equal(context?.nodeOf('prj_gone'), 0, 'one that is no more counts at the root');
  world.run({ type: 'set-policy', settings: { backfill: 'off' }, note: '' });
  t.notOk(isSame(), 'the policy');
  const [model = ''] = [...world.state.hosts()][0]!.inventory.gpus.map((gpu) => gpu.model);
  const share = { resource: `gpu:${model}`, guaranteed: 1000 } as const;
  world.run({ type: 'set-quota', name: 'lab', kind: 'project', shares: [share], removeShares: [] });
  t.notOk(isSame(), 'a quota');
  t.ok(isSame());
  world.run({ type: 'cordon-host', host: [...world.state.hosts()][0]!.id, reason: 'x' });
  t.notOk(isSame(), 'a host, where models count apart');
});
