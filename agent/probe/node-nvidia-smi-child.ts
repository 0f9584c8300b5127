/**
 * The process in which node-nvidia-smi runs. That library offers no time limit and keeps no handle on what it
 * starts, so it gets a process of its own that can be killed whole. Prints one line: `{"tree":…}` or
 * `{"error":"…"}`.
 */
import nvidiaSmi from 'node-nvidia-smi';

nvidiaSmi((error, tree) => {
  // Empty output of the tool comes as no error and no tree; both must be looked at.
  const failed = error !== null && error !== undefined;
  const answer = failed
    ? { error: error instanceof Error ? error.message : String(error) }
    : { tree: tree ?? null };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
