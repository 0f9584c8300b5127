/**
 * Where this installation lies: its programs and its shipped examples.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder above this file that holds the package. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** A compiled program of the same build. */
export function programPath(name: 'controller' | 'agent' | 'cli'): string {
  const program = join(name, 'main.js');
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, program)) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, program);
}
