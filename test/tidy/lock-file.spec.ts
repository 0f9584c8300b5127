/**
 * Aim: `npm ci` works on every platform from the checked-in lock file, and every pin is exact. Method: npm refuses a
 * lock file that lacks any platform's variant of a package (as happens when a version's variants were not all
 * published), so each optional dependency named in the lock must have its entry there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { repoRoot } from '../kit/repo-root.ts';

interface LockEntry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(join(repoRoot, name), 'utf8'));
const { packages } = readJson('package-lock.json') as { packages: Readonly<Record<string, LockEntry>> };
const manifest = readJson('package.json') as Manifest;

t.test('every platform variant is in the lock file', async (t) => {
  const lacking = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter(
        (name) =>
          packages[`${path}/node_modules/${name}`] === undefined &&
          packages[`node_modules/${name}`] === undefined,
      )
      .map((name) => `${path} wants ${name}`),
  );
  t.same(lacking, []);
  t.ok(Object.keys(packages).length > 100, 'the lock file was read');
});

t.test('direct dependencies are pinned exactly, as the lock has them', async (t) => {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  const loose = Object.entries(wanted).filter(
    ([name, range]) => packages[`node_modules/${name}`]?.version !== range,
  );
  t.same(loose, []);
});
