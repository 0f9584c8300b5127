/**
 * The thread that makes and removes folders: takes batches of orders, answers each with its id and, if it
 * failed, the errno. Between orders it deletes what was moved to the trash.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { carryOutSteps, emptyTrashOnce, type FolderPlaces, type FolderStep } from './folder-steps.ts';
import { openSpareShelf } from './spare-folders.ts';

export interface FolderOrder {
  readonly id: number;
  readonly steps: readonly FolderStep[];
}

export interface FolderAnswer {
  readonly id: number;
  readonly failure?: { readonly code: string; readonly path: string; readonly message: string };
}

function answer({ id, steps }: FolderOrder): FolderAnswer {
  try {
    carryOutSteps(steps, places);
    return { id };
  } catch (error) {
    const { code = '', path = '', message } = error as NodeJS.ErrnoException;
    return { id, failure: { code, path, message } };
  }
}

const { trash, spares } = workerData as { readonly trash: string; readonly spares: string };
const places: FolderPlaces = { shelf: openSpareShelf(spares), trash, onTrash: armEmptying };
let emptying = false;

/** One tree at a time, so that orders never wait for more than one. */
function emptyTrash(): void {
  emptying = false;
  try {
    if (emptyTrashOnce(trash)) armEmptying();
  } catch {
    // What cannot be deleted now is tried again with the next removal, and at the next start.
  }
}

function armEmptying(): void {
  if (emptying) return;
  emptying = true;
  setImmediate(emptyTrash);
}

parentPort?.on('message', (orders: readonly FolderOrder[]) => {
  parentPort?.postMessage(orders.map(answer));
});
armEmptying();
