/**
 * How the test images are made: from files of this machine and its own Debian mirror, never from an image
 * registry. A recipe's hash names the image, so a changed recipe is never mistaken for an old image.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findDebianSource } from './debian-source.ts';
import { findProgram, runProgram } from './programs.ts';

export const IMAGE_KINDS = ['busybox', 'noshell', 'python'] as const;
export type ImageKind = (typeof IMAGE_KINDS)[number];

export interface Recipe {
  readonly kind: ImageKind;
  /** Everything the result depends on; hashed into the image's tag. */
  readonly inputs: readonly string[];
  /** Takes minutes and the network, so it is only cooked where installing was asked for. */
  readonly costly: boolean;
  readonly changes: readonly string[];
  /** Fills an empty folder with the root file system. */
  cook(folder: string): Promise<void>;
}

/** Either a recipe or the reason why it cannot be cooked on this machine. */
export type RecipeOutcome = { readonly recipe: Recipe } | { readonly missing: string };

const DEBOOTSTRAP_TIMEOUT_MS = 600_000;
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n';
const GROUP = 'root:x:0:\nnogroup:x:65534:\n';
const PATH_CHANGE = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Raised when a recipe's steps change in a way that its inputs do not show. */
const RECIPE_VERSION = '1';

export function recipeHash(recipe: Recipe): string {
  const text = [RECIPE_VERSION, recipe.kind, ...recipe.changes, ...recipe.inputs].join('\0');
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

export async function findRecipe(kind: ImageKind): Promise<RecipeOutcome> {
  return kind === 'python' ? await pythonRecipe() : await busyboxRecipe(kind);
}

/** `busybox` has every applet as a link; `noshell` has the one binary, so there is no /bin/sh to start. */
async function busyboxRecipe(kind: 'busybox' | 'noshell'): Promise<RecipeOutcome> {
  const program = await findProgram('busybox');
  if (program === undefined) return { missing: 'busybox-static is not installed' };
  const bytes = await readFile(program);
  // A dynamically linked program names its loader; in an image of its own it could not start.
  if (bytes.includes('/ld-linux')) return { missing: 'the installed busybox is not the static one' };
  const inputs = [createHash('sha256').update(bytes).digest('hex')];
  const changes = [PATH_CHANGE, kind === 'busybox' ? 'CMD ["/bin/sh"]' : 'CMD ["/bin/busybox","true"]'];
  const cook = async (folder: string): Promise<void> => {
    await layBase(folder);
    await copyFile(program, join(folder, 'bin', 'busybox'));
    if (kind === 'noshell') return;
    const { stdout } = await runProgram(program, ['--list'], { timeoutMs: 10_000 });
    for (const applet of stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')) {
      await symlink('busybox', join(folder, 'bin', applet));
    }
  };
  return { recipe: { kind, inputs, costly: false, changes, cook } };
}

async function layBase(folder: string): Promise<void> {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'run', 'root', 'tmp', 'var', 'home']) {
    await mkdir(join(folder, name), { recursive: true, mode: name === 'tmp' ? 0o1777 : 0o755 });
  }
  await writeFile(join(folder, 'etc', 'passwd'), PASSWD);
  await writeFile(join(folder, 'etc', 'group'), GROUP);
}

/** A minimal Debian with python3, from the mirror that this machine itself uses. */
async function pythonRecipe(): Promise<RecipeOutcome> {
  const debootstrap = await findProgram('debootstrap');
  if (debootstrap === undefined) return { missing: 'debootstrap is not installed' };
  if (process.getuid?.() !== 0) return { missing: 'debootstrap needs root' };
  const source = await findDebianSource();
  if (source === undefined) return { missing: 'no Debian mirror is configured on this machine' };
  const inputs = ['minbase', 'python3', source.suite, process.arch];
  const cook = async (folder: string): Promise<void> => {
    const args = ['--variant=minbase', '--include=python3', source.suite, folder, source.mirror];
    await runProgram(debootstrap, args, { timeoutMs: DEBOOTSTRAP_TIMEOUT_MS });
    for (const waste of [
      'usr/share/doc',
      'usr/share/man',
      'usr/share/locale',
      'var/cache/apt',
      'var/lib/apt/lists',
    ]) {
      await rm(join(folder, waste), { recursive: true, force: true });
    }
  };
  return {
    recipe: { kind: 'python', inputs, costly: true, changes: [PATH_CHANGE, 'CMD ["python3"]'], cook },
  };
}
