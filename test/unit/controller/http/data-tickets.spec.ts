/**
 * Aim: nobody waits for an agent to dial when that agent can no longer have heard of it.
 * Method: tickets for two hosts on a simulated clock; one host's session is lost.
 */
import t from 'tap';
import { createDataTickets, DIAL_TIMEOUT_MS } from '../../../../controller/http/data-tickets.ts';
import type { HostId } from '../../../../proto/domain/ids.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const LOST = 'host_a' as HostId;
const OTHER = 'host_b' as HostId;

t.test('tickets of a host fail at once when its session is lost, those of others go on', async (t) => {
  const clock = createSimClock();
  const tickets = createDataTickets(clock, { token: () => 'token' });
  const lost = tickets.issue(LOST);
  const other = tickets.issue(OTHER);
  tickets.hostLost(LOST);
  await t.rejects(lost.socket, { code: 'HOST_UNREACHABLE', kind: 'unavailable' });
  let isSettled = false;
  const settled = other.socket.catch(() => {
    isSettled = true;
  });
  await Promise.resolve();
  t.notOk(isSettled, 'another host is still awaited');
  clock.advance(DIAL_TIMEOUT_MS);
  await settled;
  t.ok(isSettled, 'until its own time is up');
});
