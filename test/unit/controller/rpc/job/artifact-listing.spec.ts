/**
 * Aim: pages of artifacts joined are all of them, once and in order, however many there are. Method: a store that lists
 * in an order of its own, pages followed by their tokens.
 */
import t from 'tap';
import { artifactKey } from '../../../../../controller/blobs/blob-layout.ts';
import type { BlobStat } from '../../../../../controller/blobs/blob-store.ts';
import { ARTIFACTS_MAX, listArtifacts } from '../../../../../controller/rpc/job/artifact-listing.ts';
import type { JobId, ProjectId } from '../../../../../proto/domain/ids.ts';

const projectId = 'proj_1' as ProjectId;
const key = { jobId: 'job_1' as JobId, attempt: 1, task: 0 };

function storeOf(paths: readonly string[]) {
  return {
    async *list(): AsyncGenerator<BlobStat> {
      for (const path of paths) {
        yield { key: artifactKey(projectId, key, path), sizeBytes: 1, sha256: '', modifiedMs: 0 };
      }
    },
  };
}

async function pagesOf(paths: readonly string[], globs: readonly string[] = []) {
  const pages: (readonly string[])[] = [];
  for (let token = ''; ; ) {
    const page = await listArtifacts(storeOf(paths), { projectId, key, globs }, token);
    pages.push(page.artifacts.map(({ path }) => path));
    token = page.nextPageToken;
    if (token === '' || pages.length > 20) return pages;
  }
}

const numbered = (count: number, width = 6): readonly string[] =>
  Array.from({ length: count }, (_, at) => `f/${String((at * 7919) % count).padStart(width, '0')}`);

t.test('one page holds its bound, one more makes a second', async (t) => {
  t.strictSame(await pagesOf([]), [[]]);
  const sizes = async (count: number) => (await pagesOf(numbered(count))).map((page) => page.length);
  const [first = 0] = await sizes(ARTIFACTS_MAX);
  t.ok(first > 0 && first <= ARTIFACTS_MAX);
  t.strictSame(await sizes(first), [first], 'exactly one page');
  t.strictSame(await sizes(first + 1), [first, 1]);
});

t.test('many pages are all of them, once and in order', async (t) => {
  const paths = numbered(2 * ARTIFACTS_MAX + 1234);
  t.strictSame((await pagesOf(paths)).flat(), [...paths].sort());
  const long = numbered(3000, 900);
  t.strictSame((await pagesOf(long)).flat(), [...long].sort(), 'long names end a page earlier');
  t.strictSame((await pagesOf(paths, ['f/00000*'])).flat().length, 10, 'globs choose before pages are cut');
});
