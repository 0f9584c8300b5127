/** Aim: every path lies below the data folder, and no two meanings share one. */
import t from 'tap';
import { toLayout, toStorageFolder, toTaskFolders } from '../../../../agent/core/layout.ts';
import { aTaskKey, projectId } from '../../../kit/builders.ts';

t.test('paths are below the root and distinct', async (t) => {
  const layout = toLayout('/data');
  const folders = toTaskFolders(layout, aTaskKey());
  const paths = [
    ...Object.values(layout).slice(1),
    ...Object.values(folders),
    toStorageFolder(layout, projectId('1')),
  ];
  for (const path of paths) t.ok(path.startsWith('/data/'), path);
  t.equal(new Set(paths).size, paths.length);
});
