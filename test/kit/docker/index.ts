/**
 * The Docker part of the test kit: whether an engine with the test images is there, and making the images when
 * not. Specs ask `dockerAvailability` or `requireDocker`; the runner asks `prepareImages` once before them.
 */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SkippableTest, skipUnless } from '../skips.ts';
import { createEngineClient, type EngineClient } from './engine-client.ts';
import { runProgram } from './programs.ts';
import { findRecipe, IMAGE_KINDS, type ImageKind, type Recipe, recipeHash } from './recipes.ts';

export { createEngineClient, engineSocketPath } from './engine-client.ts';
export type { ImageKind } from './recipes.ts';

/** Names of images that exist in the engine: `busybox` (all applets), `noshell` (no /bin/sh), `python` (python3). */
export type TestImages = Readonly<Record<ImageKind, string>>;

export type DockerAvailability =
  | { readonly ok: true; readonly images: TestImages }
  | { readonly ok: false; readonly reason: string };

export interface AvailabilityOptions {
  /** The images that must exist. Default all. A name of any other image must not be used. */
  readonly needs?: readonly ImageKind[];
}

const TAR_TIMEOUT_MS = 120_000;

/** Whether Docker tests can run here. Makes missing cheap images itself; never throws, never pulls. */
export async function dockerAvailability(options: AvailabilityOptions = {}): Promise<DockerAvailability> {
  return await prepareImages({ needs: options.needs ?? IMAGE_KINDS, allowCostly: false });
}

/**
 * The images, or undefined after having skipped `t` (failed it, in CI). Use as
 * `const images = await requireDocker(t); if (!images) return;`.
 */
export async function requireDocker(
  t: SkippableTest,
  options: AvailabilityOptions = {},
): Promise<TestImages | undefined> {
  const found = await dockerAvailability(options);
  if (found.ok) return found.images;
  skipUnless(t, false, found.reason, { failInCi: true });
  return undefined;
}

/** As `dockerAvailability`; with `allowCostly` also makes images that need the network and some minutes. */
export async function prepareImages(options: {
  readonly needs: readonly ImageKind[];
  readonly allowCostly: boolean;
  readonly say?: (line: string) => void;
  /** Default: the engine of the machine. */
  readonly socketPath?: string;
}): Promise<DockerAvailability> {
  const engine = createEngineClient(options.socketPath);
  if (!(await engine.answers())) return { ok: false, reason: 'no Docker engine answers' };
  const images: Record<ImageKind, string> = { busybox: '', noshell: '', python: '' };
  for (const kind of options.needs) {
    try {
      const outcome = await provideImage(engine, kind, options.allowCostly, options.say ?? (() => {}));
      if ('missing' in outcome) return { ok: false, reason: `no ${kind} test image: ${outcome.missing}` };
      images[kind] = outcome.name;
    } catch (error) {
      return {
        ok: false,
        reason: `no ${kind} test image: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }
  return { ok: true, images };
}

type Provided = { readonly name: string } | { readonly missing: string };

async function provideImage(
  engine: EngineClient,
  kind: ImageKind,
  allowCostly: boolean,
  say: (line: string) => void,
): Promise<Provided> {
  const found = await findRecipe(kind);
  if ('missing' in found) return found;
  const { recipe } = found;
  const repository = `nabla-test-${kind}`;
  const tag = recipeHash(recipe);
  const name = `${repository}:${tag}`;
  if ((await engine.findImage(name)) !== undefined) return { name };
  const tarPath = join(cacheFolder(), `${repository}-${tag}.tar`);
  if (!(await isFile(tarPath))) {
    if (recipe.costly && !allowCostly)
      return { missing: 'not made yet; NABLA_TEST_INSTALL=1 npm test makes it' };
    say(`making test image ${repository} …`);
    await cookArchive(recipe, tarPath);
  }
  await engine.importImage({ tarPath, repository, tag, changes: recipe.changes });
  // The plain name is for people at a terminal; tests use the hashed one.
  await engine.tagImage(name, repository, 'latest');
  return { name };
}

/** Writes beside the final name and renames: another run may be making the same archive right now. */
async function cookArchive(recipe: Recipe, tarPath: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'nabla-test-image-'));
  try {
    const root = join(work, 'root');
    await mkdir(root, { mode: 0o755 });
    await recipe.cook(root);
    const archive = `${tarPath}.${process.pid}`;
    const owners = process.getuid?.() === 0 ? [] : ['--owner=0', '--group=0'];
    const args = ['--numeric-owner', ...owners, '--exclude=./dev/*', '-C', root, '-cf', archive, '.'];
    await runProgram('tar', args, { timeoutMs: TAR_TIMEOUT_MS });
    await rename(archive, tarPath);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'nabla-test', 'images');
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
