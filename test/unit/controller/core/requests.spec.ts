/** Aim: a request id answers for 24 hours, for one principal, for one content. Method: time as a number. */
import t from 'tap';
import { REQUEST_KEPT_MS } from '../../../../controller/core/limits.ts';
import { replayRequest, requestKey } from '../../../../controller/core/requests.ts';
import type { Principal } from '../../../../proto/domain/ids.ts';
import { aPrincipal, projectId } from '../../../kit/builders.ts';
import { World } from '../../../kit/stores-world.ts';

const mark = { requestId: 'r1', contentHash: 'h1' };

function setUp(): World {
  const world = new World();
  const base = { type: 'create-project', description: '', tags: [] } as const;
  world.run({ ...base, id: projectId('1'), name: 'one', request: mark });
  return world;
}

t.test('remembered to the last millisecond of a day, and not beyond', async (t) => {
  const world = setUp();
  const at = (nowMs: number) => replayRequest(world.state, mark, { principal: aPrincipal, nowMs });
  t.match(at(world.nowMs), { ok: true, events: [], outcome: { subject: 'prj_1', replayed: true } });
  t.match(at(world.nowMs + REQUEST_KEPT_MS - 1), { ok: true });
  t.equal(at(world.nowMs + REQUEST_KEPT_MS), undefined);
});

t.test('other content is refused, another principal is a stranger', async (t) => {
  const world = setUp();
  const { nowMs, state } = world;
  t.match(replayRequest(state, { ...mark, contentHash: 'h2' }, { principal: aPrincipal, nowMs }), {
    ok: false,
    error: { code: 'REQUEST_ID_REUSED' },
  });
  t.equal(replayRequest(state, mark, { principal: 'user:other' as Principal, nowMs }), undefined);
  t.equal(replayRequest(state, undefined, { principal: aPrincipal, nowMs }), undefined);
  t.not(requestKey(aPrincipal, 'a'), requestKey('user:other' as Principal, 'a'));
});
