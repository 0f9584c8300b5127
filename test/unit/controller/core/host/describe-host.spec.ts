/** Aim: every fact about hosts has a sentence, and no hash of a token is told whole. Method: one of each kind. */
import t from 'tap';
import type { EnrolEvent } from '../../../../../controller/core/enrol/events.ts';
import { describeHost } from '../../../../../controller/core/host/describe-host.ts';
import type { HostOrderEvent } from '../../../../../controller/core/host/events.ts';
import { hostId } from '../../../../kit/builders.ts';

const id = hostId('1');
const tokenHash = `${'abcdef'.repeat(10)}abcd`;
const issued = { hostId: id, generation: 1, serial: 'aa', notAfterMs: 1 };

const FACTS: readonly (EnrolEvent | HostOrderEvent)[] = [
  { type: 'join-token-created', tokenHash, hostName: 'one', expiresAtMs: 1 },
  { type: 'host-joined', tokenHash, keyHash: 'k', hostName: 'one', ...issued },
  { type: 'host-certificate-renewed', ...issued },
  { type: 'host-revoked', hostId: id, generation: 2, reason: 'r' },
  { type: 'host-contested', hostId: id, bootId: 'b' },
  { type: 'host-cordoned', hostId: id, reason: 'r' },
  { type: 'host-uncordoned', hostId: id },
  { type: 'host-drain-started', hostId: id, mode: 'wait', reason: 'r' },
  { type: 'host-drain-enforced', hostId: id, attempts: 2 },
  { type: 'host-removed', hostId: id, name: 'one', lost: 1 },
];

t.test('each has a subject and a sentence', async (t) => {
  const messages = FACTS.map((fact) => {
    const { subject, message, fields = {} } = describeHost(fact);
    t.equal(subject, fact.type === 'join-token-created' ? 'join-token:abcdefabcdef' : id);
    t.notMatch(JSON.stringify(fields), tokenHash);
    return message;
  });
  t.equal(new Set(messages).size, FACTS.length, 'no two say the same');
});
