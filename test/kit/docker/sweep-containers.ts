/**
 * Takes away what a killed test run left in the engine. Containers outlive their agent on purpose, so after a kill
 * nobody else would; a run that still goes on keeps its own.
 */
import type { EngineClient } from './engine-client.ts';
import { isGone, ownerOf } from './owned-host.ts';

/** As agent/driver/docker writes it. */
const LABEL_HOST = 'nabla.host';

/** How many containers it removed: those whose test process is gone. @throws Error when the engine fails. */
export async function sweepContainers(
  engine: Pick<EngineClient, 'listContainers' | 'removeContainer'>,
): Promise<number> {
  let removed = 0;
  for (const { id, labels } of await engine.listContainers(LABEL_HOST)) {
    const owner = ownerOf(labels[LABEL_HOST] ?? '');
    if (owner === undefined || !isGone(owner)) continue;
    await engine.removeContainer(id);
    removed += 1;
  }
  return removed;
}
