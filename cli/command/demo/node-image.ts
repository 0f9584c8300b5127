/**
 * A container image out of this machine's own node program, the shared libraries it needs, and a shell: enough to run
 * the demo's job, without a registry.
 */
import { execFile } from 'node:child_process';
import { access, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { DockerEngine } from './docker-engine.ts';
import { createTarStream, type TarEntry } from './tar-stream.ts';

const run = promisify(execFile);
const LDD_TIMEOUT_MS = 10_000;
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Programs that the job's shell script calls, and a few that a person looking around expects. */
const PROGRAMS = ['dirname', 'cat', 'ls', 'mkdir', 'sleep', 'env'] as const;

/** Imports the image under `tag`. @throws ClusterError unsupported or unavailable: the caller runs without Docker */
export async function importNodeImage(engine: DockerEngine, tag: string): Promise<void> {
  if (process.platform !== 'linux') {
    throw new ClusterError(
      'unsupported',
      'IMAGE_NOT_POSSIBLE',
      'an image can only be made of programs of Linux',
      {
        hint: 'the demo runs the job as a process instead',
      },
    );
  }
  const entries = await collectEntries();
  await engine.importImage(tag, createTarStream(entries), [`ENV PATH=${SEARCH_PATH}`, 'WORKDIR /']);
}

async function collectEntries(): Promise<readonly TarEntry[]> {
  const entries = new Map<string, TarEntry>();
  const shell = await findShell();
  const programs: (readonly [string, string])[] = [['usr/local/bin/node', process.execPath]];
  programs.push(...shell.programs);
  for (const [name, path] of programs) {
    await addFile(entries, name, path);
    for (const library of await listLibraries(path)) await addFile(entries, library.slice(1), library);
  }
  for (const [name, target] of shell.links) entries.set(name, { kind: 'link', name, target });
  for (const text of [
    { name: 'etc/passwd', text: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' },
    { name: 'etc/group', text: 'root:x:0:\nnogroup:x:65534:\n' },
  ]) {
    entries.set(text.name, { kind: 'text', mode: 0o644, ...text });
  }
  const folders: TarEntry[] = ['root', 'proc', 'sys', 'dev'].map((name) => ({
    kind: 'folder',
    name,
    mode: 0o755,
  }));
  folders.push({ kind: 'folder', name: 'tmp', mode: 0o1777 });
  return [...folders, ...parentsOf([...entries.keys()]), ...entries.values()];
}

function parentsOf(names: readonly string[]): readonly TarEntry[] {
  const parents = new Set<string>();
  for (const name of names) {
    for (let folder = dirname(name); folder !== '.'; folder = dirname(folder)) parents.add(folder);
  }
  return [...parents].sort().map((name) => ({ kind: 'folder', name, mode: 0o755 }));
}

async function addFile(entries: Map<string, TarEntry>, name: string, path: string): Promise<void> {
  const { size } = await stat(path);
  entries.set(name, { kind: 'file', name, mode: 0o755, path: await realpath(path), sizeBytes: size });
}

interface Shell {
  readonly programs: readonly (readonly [string, string])[];
  readonly links: readonly (readonly [string, string])[];
}

/** busybox where it is, being one file for everything; else the shell and the programs of this machine. */
async function findShell(): Promise<Shell> {
  const busybox = await findProgram('busybox');
  if (busybox !== undefined) {
    const links = ['sh', ...PROGRAMS].map((name) => [`bin/${name}`, '/bin/busybox'] as const);
    return { programs: [['bin/busybox', busybox]], links };
  }
  const programs: (readonly [string, string])[] = [['bin/sh', '/bin/sh']];
  for (const name of PROGRAMS) {
    const path = await findProgram(name);
    if (path !== undefined) programs.push([`bin/${name}`, path]);
  }
  return { programs, links: [] };
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of SEARCH_PATH.split(':')) {
    const path = join(folder, name);
    const found = await access(path).then(
      () => true,
      // Not in this folder; the next one is tried.
      () => false,
    );
    // A link named after something else is an applet of a program that decides by its own name.
    if (found && basename(await readlink(path).catch(() => name)) === name) return path;
  }
  return undefined;
}

/** Absolute paths of the shared libraries and the loader; none for a static program. */
async function listLibraries(path: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run('ldd', [path], { timeout: LDD_TIMEOUT_MS, maxBuffer: 1024 * 1024 });
    if (/not found/.test(stdout)) throw new Error('a library is missing');
    return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)]
      .map((match) => match[1] ?? '')
      .filter((found) => found !== '');
  } catch (error) {
    const said = `${(error as { stdout?: string }).stdout ?? ''}${(error as { stderr?: string }).stderr ?? ''}`;
    if (/not a dynamic executable|statically linked/.test(said)) return [];
    throw new ClusterError(
      'unavailable',
      'IMAGE_NOT_POSSIBLE',
      'the libraries of a program cannot be found',
      {
        details: { program: path },
        hint: 'the demo runs the job as a process instead',
        cause: error,
      },
    );
  }
}
