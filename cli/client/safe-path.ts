/**
 * Paths that came from elsewhere, on this machine's disk: never outside the folder they are meant for.
 */
import { mkdir, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from './file-error.ts';

function refuse(path: string, reason: string): ClusterError {
  return new ClusterError('invalid', 'PATH_UNSAFE', 'the path of a file leads out of its folder', {
    details: { path },
    fields: [{ path: 'path', reason }],
    hint: 'download it by hand with nabla jobs artifacts get',
  });
}

/** The segments of a relative path with `/`. @throws ClusterError invalid PATH_UNSAFE */
export function checkRelativePath(path: string): readonly string[] {
  if (path.includes('\0')) throw refuse(path, 'holds a NUL character');
  if (path.startsWith('/') || /^[a-z]:/i.test(path) || path.includes('\\'))
    throw refuse(path, 'is not relative');
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw refuse(path, 'has an empty, . or .. part');
  }
  return segments;
}

/**
 * Where `path` lies below `folder`, with the folders in between made. Links that somebody put there are followed only
 * as long as they stay inside.
 *
 * @throws ClusterError invalid PATH_UNSAFE, file errors
 */
export async function placeInside(folder: string, path: string): Promise<string> {
  const target = join(folder, ...checkRelativePath(path));
  try {
    await mkdir(dirname(target), { recursive: true });
    const root = await realpath(folder);
    const parent = await realpath(dirname(target));
    if (parent !== root && !parent.startsWith(root + sep))
      throw refuse(path, 'goes through a link to elsewhere');
    return target;
  } catch (error) {
    throw toFileError(error, target);
  }
}
