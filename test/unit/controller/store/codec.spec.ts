/** Aim: what was stored is read back, and no flipped bit passes. Method: every bit of an entry and of a row. */
import t from 'tap';
import {
  decodeEntry,
  decodeRow,
  encodeEntry,
  encodeRow,
  openBytes,
  sealBytes,
  verifyChain,
} from '../../../../controller/store/codec.ts';
import { crc32c } from '../../../../controller/store/crc32c.ts';
import { aPrincipal, projectId } from '../../../kit/builders.ts';

const START = '0'.repeat(64);
const stamped = {
  seq: 7,
  epoch: 2,
  timeMs: 1000,
  principal: aPrincipal,
  event: { type: 'project-deleted', projectId: projectId('1'), name: 'größe' },
} as const;

t.test('CRC-32C of the published vectors', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa, 'RFC 3720 B.4, zeroes');
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43, 'ones');
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, n) => n))), 0x46dd794e, 'rising');
  const [left, right] = [Buffer.from('12345'), Buffer.from('6789')];
  t.equal(crc32c(right, crc32c(left)), 0xe3069283, 'goes on from where it stopped');
});

t.test('an entry comes back whole, with its chain', async (t) => {
  const { value, chainHash } = encodeEntry(stamped, START);
  t.same(decodeEntry(7, value), { stamped, chainHash });
  verifyChain(7, value, START);
  t.throws(() => verifyChain(7, value, chainHash), { code: 'CHAIN_BROKEN' });
  t.throws(() => decodeEntry(8, value), { kind: 'corrupt', code: 'ENTRY_DAMAGED' }, 'in the wrong place');
});

t.test('no flipped bit of an entry passes', async (t) => {
  const { value } = encodeEntry(stamped, START);
  let passed = 0;
  for (let bit = 0; bit < value.length * 8; bit++) {
    const bent = Buffer.from(value);
    bent[bit >> 3]! ^= 1 << (bit & 7);
    try {
      decodeEntry(7, bent);
      passed += 1;
    } catch {
      // This is what must happen.
    }
  }
  t.equal(passed, 0);
  t.throws(() => decodeEntry(7, new Uint8Array(3)), { code: 'ENTRY_DAMAGED' });
});

t.test('no flipped bit of a row passes, nor a row under another key', async (t) => {
  const value = Buffer.from(encodeRow('job/1', { a: 'ü' }));
  t.same(decodeRow('job/1', value), { a: 'ü' });
  t.throws(() => decodeRow('job/2', value), { kind: 'corrupt', code: 'ROW_DAMAGED' });
  for (let bit = 0; bit < value.length * 8; bit++) {
    const bent = Buffer.from(value);
    bent[bit >> 3]! ^= 1 << (bit & 7);
    t.throws(() => decodeRow('job/1', bent), { code: 'ROW_DAMAGED' }, `bit ${bit}`);
  }
  t.throws(() => decodeRow('job/1', new Uint8Array()), { code: 'ROW_DAMAGED' });
});

t.test('opaque bytes are sealed the same way', async (t) => {
  const value = sealBytes('secret-sealed/1', new Uint8Array([1, 2, 3]));
  t.same([...openBytes('secret-sealed/1', value)], [1, 2, 3]);
  t.throws(() => openBytes('secret-sealed/2', value), { code: 'ROW_DAMAGED' });
});

t.test('a right checksum around what is no record is damage, not a crash', async (t) => {
  for (const text of ['', '{', 'null', '"text"', '7']) {
    const body = Buffer.concat([Buffer.alloc(36), Buffer.from(text)]);
    body.writeUInt32BE(crc32c(body.subarray(4)), 0);
    t.throws(() => decodeEntry(1, body), { kind: 'corrupt', code: 'ENTRY_DAMAGED' }, `event ${text}`);
  }
  for (const text of ['', '{', 'nul']) {
    const row = sealBytes('s/job/1', Buffer.from(text));
    t.throws(() => decodeRow('s/job/1', row), { kind: 'corrupt', code: 'ROW_DAMAGED' }, `row ${text}`);
  }
});
