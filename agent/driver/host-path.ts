/**
 * From the paths that a task sees to the paths of the host. Pure.
 */
import type { Mount } from '../core/driver-port.ts';

/** The host path behind `path` by the mount with the longest matching target; `path` itself when none covers it. */
export function toHostPath(path: string, mounts: readonly Mount[]): string {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (isBelow(path, mount.target) && mount.target.length > (best?.target.length ?? -1)) best = mount;
  }
  if (best === undefined) return path;
  const rest = path.slice(stripSlash(best.target).length);
  return `${stripSlash(best.source)}${rest}` || '/';
}

/** Whether `path` is `folder` or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  const base = stripSlash(folder);
  return path === base || path === folder || path.startsWith(`${base}/`);
}

function stripSlash(path: string): string {
  return path.replace(/\/+$/, '');
}
