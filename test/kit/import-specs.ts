/**
 * Collects the specs of one area into one process: tap costs most of a second per file, so an area is one entry
 * that imports every compiled *.spec.js below its folder. Nothing is listed by hand, so nothing can be forgotten.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';

/**
 * Imports all specs below `folder` in sorted order. A spec that cannot be loaded is a failure of its own and does
 * not keep the others from running. `NABLA_TEST_FILES` (comma-separated parts of paths) narrows the choice.
 */
export async function importSpecs(folder: URL): Promise<void> {
  const root = fileURLToPath(folder);
  for (const file of selectSpecs(listSpecs(root), process.env['NABLA_TEST_FILES'] ?? '')) {
    try {
      await import(pathToFileURL(join(root, file)).href);
    } catch (error) {
      t.fail(`${file} could not be loaded`, { reason: error instanceof Error ? error.stack : String(error) });
    }
  }
}

/** Paths of the specs below `root`, relative to it, sorted. */
export function listSpecs(root: string): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.spec\.[jt]s$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** The files whose path contains one of the comma-separated `parts`; all of them when there is no part. */
export function selectSpecs(files: readonly string[], parts: string): readonly string[] {
  const wanted = parts.split(',').filter((part) => part !== '');
  if (wanted.length === 0) return files;
  return files.filter((file) => wanted.some((part) => file.includes(part)));
}
