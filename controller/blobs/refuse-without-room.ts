/**
 * A blob store that takes in nothing new while the disk is nearly full: blobs are what fills a disk, and the log of
 * the cluster needs what is left.
 */
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { BlobStore } from './blob-store.ts';

/** `objection` is what to refuse with; undefined while there is room. Reading and removing go on. */
export function refuseWithoutRoom(blobs: BlobStore, objection: () => ClusterError | undefined): BlobStore {
  const check = (): void => {
    const error = objection();
    if (error !== undefined) throw error;
  };
  return {
    async put(key, content, options) {
      check();
      return await blobs.put(key, content, options);
    },
    async adopt(key, file, known) {
      check();
      return await blobs.adopt(key, file, known);
    },
    open: (key, range) => blobs.open(key, range),
    stat: (key) => blobs.stat(key),
    list: (prefix) => blobs.list(prefix),
    folders: (prefix) => blobs.folders(prefix),
    remove: (prefix) => blobs.remove(prefix),
    removeOne: (key) => blobs.removeOne(key),
    freeBytes: () => blobs.freeBytes(),
  };
}
