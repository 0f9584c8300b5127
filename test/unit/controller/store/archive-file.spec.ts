/**
 * Aim: a backup whose blocks have right checksums and wrong contents is refused, not believed and not a crash.
 * Method: blocks written by hand.
 */
import t from 'tap';
import { ARCHIVE_LINE, readArchive } from '../../../../controller/store/archive-file.ts';
import { crc32c } from '../../../../controller/store/crc32c.ts';

function block(kind: number, content: string): Buffer {
  const body = Buffer.concat([Uint8Array.of(kind), Buffer.from(content)]);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(body.length, 0);
  header.writeUInt32BE(crc32c(body), 4);
  return Buffer.concat([header, body]);
}

async function read(blocks: readonly Buffer[]): Promise<number> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.concat([ARCHIVE_LINE, ...blocks]);
  }
  let parts = 0;
  for await (const part of readArchive(bytes())) if (part.kind !== 'trailer') parts += 1;
  return parts;
}

t.test('headers and trailers that hold no object', async (t) => {
  for (const text of ['', '{', 'null', '7', '__proto__']) {
    await t.rejects(read([block(1, text)]), { kind: 'corrupt', code: 'ARCHIVE_DAMAGED' }, `header ${text}`);
    const blocks = [block(1, '{"head":{}}'), block(4, text)];
    await t.rejects(read(blocks), { kind: 'corrupt', code: 'ARCHIVE_DAMAGED' }, `trailer ${text}`);
  }
});
