/**
 * Walks a workspace folder and lists what would be uploaded, in a fixed order. Everything that could not be
 * unpacked faithfully elsewhere is refused here, before a byte is sent.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type IgnoreRules, readIgnoreRules } from './ignore-rules.ts';
import { workspaceError } from './workspace-source.ts';

const GIB = 1024 ** 3;
export const WORKSPACE_BYTES_MAX = 2 * GIB;
/** These and the rules for names are what an agent unpacks; beyond them an upload would be refused there. */
export const WORKSPACE_ENTRIES_MAX = 50_000;
const PATH_BYTES_MAX = 1024;
const DEPTH_MAX = 64;

export interface WorkspaceEntry {
  /** Relative, with `/`; folders end in `/` and are listed only when empty. */
  readonly name: string;
  /** Absolute path of the file itself, links resolved. Empty for folders. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
}

export interface WorkspaceLimits {
  readonly bytesMax: number;
  readonly entriesMax: number;
}

export interface WorkspaceTree {
  /** By name in byte order. */
  readonly entries: readonly WorkspaceEntry[];
  readonly totalBytes: number;
}

interface Walk {
  /** Real path of the workspace; every link must stay below it. */
  readonly root: string;
  readonly limits: WorkspaceLimits;
  readonly entries: WorkspaceEntry[];
  totalBytes: number;
}

interface Folder {
  /** Relative name, empty for the root. */
  readonly name: string;
  readonly realPath: string;
  readonly rules: IgnoreRules;
  /** Real paths of this folder and those above: entering one again is a loop. */
  readonly above: ReadonlySet<string>;
}

/**
 * Lists the files of `folder` that no rule ignores. Links inside the tree are followed, so that what arrives does
 * not depend on links.
 *
 * @throws ClusterError invalid WORKSPACE_TOO_LARGE, WORKSPACE_TOO_MANY_FILES, WORKSPACE_SPECIAL_FILE,
 * WORKSPACE_LINK_LOOP, WORKSPACE_LINK_OUTSIDE, WORKSPACE_LINK_BROKEN, WORKSPACE_NAME_INVALID, WORKSPACE_UNREADABLE
 */
export async function walkWorkspace(
  folder: string,
  patterns: readonly string[],
  limits: WorkspaceLimits = { bytesMax: WORKSPACE_BYTES_MAX, entriesMax: WORKSPACE_ENTRIES_MAX },
): Promise<WorkspaceTree> {
  const root = await realpath(folder);
  const walk: Walk = { root, limits, entries: [], totalBytes: 0 };
  const rules = await readIgnoreRules(root, patterns);
  await walkFolder(walk, { name: '', realPath: root, rules, above: new Set([root]) });
  walk.entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  refuseCaseClash(walk.entries);
  return { entries: walk.entries, totalBytes: walk.totalBytes };
}

async function walkFolder(walk: Walk, folder: Folder): Promise<void> {
  const children = await readdir(folder.realPath, { withFileTypes: true, encoding: 'buffer' }).catch(
    (error: unknown) => refuseUnreadable(folder.name === '' ? '.' : folder.name, error),
  );
  let kept = 0;
  for (const child of children) {
    if (await walkChild(walk, folder, child)) kept += 1;
  }
  if (kept === 0 && folder.name !== '')
    addEntry(walk, { name: `${folder.name}/`, path: '', sizeBytes: 0, executable: false });
}

/** True when the child is part of the workspace. */
async function walkChild(walk: Walk, folder: Folder, child: Dirent<Buffer>): Promise<boolean> {
  const base = decodeName(child.name, folder.name);
  const name = folder.name === '' ? base : `${folder.name}/${base}`;
  const path = join(folder.realPath, base);
  // Links need their target's kind before the rules can be asked: `dir/` only matches folders.
  const target = child.isSymbolicLink() ? await resolveLink(walk, folder, name, path) : undefined;
  const isFolder = target?.isFolder ?? child.isDirectory();
  if (folder.rules.isIgnored(isFolder ? `${name}/` : name)) return false;
  if (target?.problem !== undefined) throw target.problem;
  checkName(base, name);
  if (isFolder) {
    const realPath = target?.realPath ?? path;
    const above = new Set([...folder.above, realPath]);
    if (above.size > DEPTH_MAX) {
      throw workspaceError(
        'WORKSPACE_TOO_DEEP',
        'workspace is nested too deeply',
        `keep it within ${DEPTH_MAX} folders`,
        { path: name },
      );
    }
    await walkFolder(walk, { name, realPath, rules: await folder.rules.enter(name), above });
    return true;
  }
  await addFile(walk, name, target?.realPath ?? path);
  return true;
}

interface LinkTarget {
  readonly realPath: string;
  readonly isFolder: boolean;
  /** Thrown unless a rule ignores the link. */
  readonly problem?: Error;
}

async function resolveLink(walk: Walk, folder: Folder, name: string, path: string): Promise<LinkTarget> {
  const hint = 'replace the link by a copy, or list it in .nablaignore';
  const failed = (code: string, message: string): LinkTarget => ({
    realPath: path,
    isFolder: false,
    problem: workspaceError(code, message, hint, { path: name }),
  });
  let realPath: string;
  try {
    realPath = await realpath(path);
  } catch (error) {
    return (error as { code?: unknown }).code === 'ELOOP'
      ? failed('WORKSPACE_LINK_LOOP', 'workspace holds a loop of symbolic links')
      : failed('WORKSPACE_LINK_BROKEN', 'workspace holds a symbolic link to nothing');
  }
  if (realPath !== walk.root && !realPath.startsWith(walk.root + sep)) {
    return failed('WORKSPACE_LINK_OUTSIDE', 'workspace holds a symbolic link that leaves it');
  }
  const isFolder = (await stat(realPath)).isDirectory();
  if (isFolder && folder.above.has(realPath)) {
    return { ...failed('WORKSPACE_LINK_LOOP', 'workspace holds a loop of symbolic links'), isFolder };
  }
  return { realPath, isFolder };
}

async function addFile(walk: Walk, name: string, path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => refuseUnreadable(name, error));
  if (!found.isFile()) {
    throw workspaceError(
      'WORKSPACE_SPECIAL_FILE',
      'workspace holds a socket, pipe or device',
      'remove it or list it in .nablaignore',
      { path: name },
    );
  }
  addEntry(walk, { name, path, sizeBytes: found.size, executable: (found.mode & 0o111) !== 0 });
}

function addEntry(walk: Walk, entry: WorkspaceEntry): void {
  walk.entries.push(entry);
  walk.totalBytes += entry.sizeBytes;
  if (walk.totalBytes > walk.limits.bytesMax) {
    const limit = `${Math.round((walk.limits.bytesMax / GIB) * 100) / 100} GiB`;
    throw workspaceError(
      'WORKSPACE_TOO_LARGE',
      `workspace is larger than ${limit}`,
      'list data in .nablaignore or --ignore-files and read it from /storage instead',
    );
  }
  if (walk.entries.length > walk.limits.entriesMax) {
    throw workspaceError(
      'WORKSPACE_TOO_MANY_FILES',
      `workspace holds more than ${walk.limits.entriesMax} files`,
      'list folders in .nablaignore or --ignore-files',
    );
  }
}

function decodeName(bytes: Buffer, folder: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // The bytes as Latin-1, only so that the message can show where to look.
    throw nameError(`${folder === '' ? '' : `${folder}/`}${bytes.toString('latin1')}`, 'is not UTF-8');
  }
}

function checkName(base: string, name: string): void {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(base)) throw nameError(name, 'holds control characters');
  // Zip readers of other systems take it for a separator, so the file would land elsewhere.
  if (base.includes('\\')) throw nameError(name, 'holds a backslash');
  if (/^[A-Za-z]:/.test(name)) throw nameError(name, 'begins like a drive letter');
  if (Buffer.byteLength(name) > PATH_BYTES_MAX) throw nameError(`${name.slice(0, 64)}…`, 'is too long');
}

/** Where case does not count, one of the two would be written over the other. */
function refuseCaseClash(entries: readonly WorkspaceEntry[]): void {
  const known = new Map<string, string>();
  for (const { name } of entries) {
    const path = name.endsWith('/') ? name.slice(0, -1) : name;
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const part = path.slice(0, end);
      const folded = part.normalize('NFC').toLowerCase();
      const other = known.get(folded) ?? part;
      if (other !== part) throw nameError(`${other} and ${part}`, 'differs from another only in case');
      known.set(folded, part);
    }
  }
}

function nameError(name: string, reason: string): Error {
  return workspaceError(
    'WORKSPACE_NAME_INVALID',
    `workspace holds a file whose name ${reason}`,
    'rename it or list it in .nablaignore',
    {
      path: name,
    },
  );
}

function refuseUnreadable(name: string, error: unknown): never {
  const gone = (error as { code?: unknown }).code === 'ENOENT';
  throw workspaceError(
    gone ? 'WORKSPACE_CHANGED' : 'WORKSPACE_UNREADABLE',
    gone ? 'workspace changed while it was read' : 'workspace holds something that cannot be read',
    gone ? 'try again when nothing writes to it' : 'change its permissions or list it in .nablaignore',
    { path: name },
  );
}
