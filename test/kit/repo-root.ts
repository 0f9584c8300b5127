/**
 * Where the checkout is, for tests that read sources, examples or golden files: compiled tests live under dist/,
 * so a path relative to the module would be wrong in one of the two places.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the nearest folder above this module that holds the lock file, without a trailing slash. */
export const repoRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package-lock.json'))) return folder;
  const parent = dirname(folder);
  // Output compiled outside the checkout (tsc --outDir) still runs from inside it.
  if (parent === folder) return process.cwd();
  return findRoot(parent);
}
