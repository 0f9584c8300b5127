/** Aim: each command about hosts gets to its decision. Method: one of each kind at the door, told by its answer. */
import t from 'tap';
import type { HostCommand } from '../../../../../controller/core/host/commands.ts';
import { decideAboutHost } from '../../../../../controller/core/host/decide-about-host.ts';
import { aPrincipal, hostId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const id = hostId('1');
const ask = { tokenHash: 'x', keyHash: 'k', hostName: '', claimedHostId: '' };
const issued = { hostId: id, generation: 1, serial: 's', notAfterMs: 1 };

const ANSWERS: readonly (readonly [HostCommand, string])[] = [
  [{ type: 'create-join-token', tokenHash: 'x', hostName: '', host: '', ttlMs: 0 }, 'BAD_TTL'],
  [{ type: 'join-host', ask, ...issued }, 'JOIN_TOKEN_REFUSED'],
  [{ type: 'renew-certificate', ...issued }, 'HOST_REVOKED'],
  [{ type: 'revoke-host', host: 'one', reason: '' }, 'HOST_NOT_JOINED'],
  [{ type: 'note-contested', hostId: id, bootId: 'b' }, 'host-contested'],
  [{ type: 'cordon-host', host: 'one', reason: '' }, 'host-cordoned'],
  [{ type: 'uncordon-host', host: 'none' }, 'HOST_NOT_FOUND'],
  [{ type: 'drain-host', host: 'one', mode: 'wait', deadlineAfterMs: 0, reason: '' }, 'host-drain-started'],
  [{ type: 'enforce-drain', hostId: id }, ''],
  [{ type: 'remove-host', host: 'one', force: false }, 'host-removed'],
];

t.test('each command has its own answer', async (t) => {
  const world = new World();
  world.addHost({ id, name: 'one' });
  for (const [command, want] of ANSWERS) {
    const decision = decideAboutHost(world.state, command, { principal: aPrincipal, nowMs: world.nowMs });
    const got = decision.ok ? decision.events.map(({ type }) => type).join() : decision.error.code;
    t.equal(got, want, command.type);
  }
});
