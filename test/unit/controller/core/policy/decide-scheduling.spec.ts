/** Aim: every command about scheduling reaches its decision. Method: one of each, with its refusal or events. */
import t from 'tap';
import type { SchedulingCommand } from '../../../../../controller/core/policy/commands.ts';
import { decideScheduling } from '../../../../../controller/core/policy/decide-scheduling.ts';
import { aPrincipal, T0_MS } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const COMMANDS: readonly (readonly [SchedulingCommand, string])[] = [
  [{ type: 'create-queue', name: 'q', change: { limits: {} } }, 'queue-created'],
  [{ type: 'update-queue', name: 'default', change: { limits: {} } }, 'queue-updated'],
  [{ type: 'delete-queue', name: 'q' }, 'QUEUE_NOT_FOUND'],
  [{ type: 'set-quota', name: 'g', kind: 'group', shares: [], removeShares: [] }, 'quota-set'],
  [{ type: 'delete-quota', name: 'g' }, 'QUOTA_NOT_FOUND'],
  [{ type: 'set-policy', settings: { preemption: 'false' }, note: '' }, 'policy-set'],
  [
    {
      type: 'create-reservation',
      id: 'rsv_1' as never,
      name: 'r',
      project: 'default',
      hosts: [],
      gpuMilli: 1000,
      gpuModel: '',
      startMs: 0,
      endMs: T0_MS + 1000,
    },
    'reservation-created',
  ],
  [{ type: 'delete-reservation', reservation: 'r' }, 'RESERVATION_NOT_FOUND'],
];

for (const [command, want] of COMMANDS) {
  t.test(`${command.type}: ${want}`, async (t) => {
    const world = new World();
    const decision = decideScheduling(world.state, command, { principal: aPrincipal, nowMs: T0_MS });
    t.equal(decision.ok ? decision.events[0]?.type : decision.error.code, want);
  });
}
