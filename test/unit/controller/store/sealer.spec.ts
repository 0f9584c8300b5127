/** Aim: sealed values open for their own id and key only. Method: seal, bend, open. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createSealer } from '../../../../controller/store/sealer.ts';
import { secretId } from '../../../kit/builders.ts';

const id = secretId('1');

t.test('what was sealed opens, and no two seals are alike', async (t) => {
  const sealer = await createSealer(randomBytes(32));
  for (const plain of ['', 'hunter2', 'x'.repeat(100_000)]) {
    const sealed = await sealer.seal(id, Buffer.from(plain));
    t.equal(Buffer.from(await sealer.open(id, sealed)).toString(), plain);
    t.notOk(Buffer.from(sealed).includes('hunter2'));
  }
  t.notSame(await sealer.seal(id, Buffer.from('a')), await sealer.seal(id, Buffer.from('a')));
});

t.test('another id, another key, or a flipped byte does not open', async (t) => {
  const sealer = await createSealer(randomBytes(32));
  const sealed = await sealer.seal(id, Buffer.from('hunter2'));
  const unreadable = { kind: 'corrupt', code: 'SECRET_UNREADABLE' };
  await t.rejects(sealer.open(secretId('2'), sealed), unreadable);
  const other = await createSealer(randomBytes(32));
  await t.rejects(other.open(id, sealed), unreadable);
  for (let at = 0; at < sealed.length; at++) {
    const bent = Buffer.from(sealed);
    bent[at]! ^= 1;
    await t.rejects(sealer.open(id, bent), unreadable, `byte ${at}`);
  }
  await t.rejects(sealer.open(id, new Uint8Array()), unreadable);
});
