/**
 * Which files stay out of a workspace: `.gitignore` and `.nablaignore` of every folder, and patterns of the call.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignoreModule, { type Ignore } from 'ignore';

// The package is CommonJS with its function under `default` as well; which one arrives depends on the loader.
const ignore = (ignoreModule as unknown as { default?: typeof ignoreModule }).default ?? ignoreModule;

const IGNORE_FILES = ['.gitignore', '.nablaignore'] as const;
/** Largest ignore file that is read; larger ones are cut there. */
const IGNORE_FILE_BYTES_MAX = 256 * 1024;
/** Never uploaded, whatever the rules say: history and credentials of the checkout. */
const NEVER = '.git';

/** Rules of one folder on top of those of the folders above. */
export interface IgnoreRules {
  /** `path` is relative to the workspace, with `/`; folders end in `/`. Later and deeper rules win. */
  isIgnored(path: string): boolean;
  /** The rules inside a folder below. */
  enter(folder: string): Promise<IgnoreRules>;
}

interface Layer {
  /** Folder of the rules relative to the workspace: empty or ending in `/`. */
  readonly base: string;
  readonly rules: Ignore;
}

/** Rules at the root of `workspace`; `patterns` are those of the call and have the last word. */
export async function readIgnoreRules(workspace: string, patterns: readonly string[]): Promise<IgnoreRules> {
  const last: Layer = { base: '', rules: ignore().add([...patterns]) };
  // Also among the rules of the root, because a rule that takes a folder out of the ignored ones must stand in
  // the same list to count for what is inside.
  const root = await readLayer(workspace, '', patterns);
  return createRules(workspace, root === undefined ? [] : [root], last);
}

function createRules(workspace: string, layers: readonly Layer[], last: Layer): IgnoreRules {
  return {
    isIgnored(path) {
      const name = path.replace(/\/$/, '').split('/').at(-1);
      if (name === NEVER) return true;
      let ignored = false;
      for (const { base, rules } of [...layers, last]) {
        const verdict = rules.test(path.slice(base.length));
        if (verdict.ignored) ignored = true;
        else if (verdict.unignored) ignored = false;
      }
      return ignored;
    },
    async enter(folder) {
      const found = await readLayer(workspace, `${folder}/`, []);
      return found === undefined ? this : createRules(workspace, [...layers, found], last);
    },
  };
}

/** The rules of one folder's ignore files in one list, the later file's after the earlier's. */
async function readLayer(
  workspace: string,
  base: string,
  patterns: readonly string[],
): Promise<Layer | undefined> {
  const rules = ignore();
  let found = patterns.length > 0;
  for (const name of IGNORE_FILES) {
    const bytes = await readFile(join(workspace, base, name)).catch(() => {
      // Absent, a folder, or not readable: no rules. Not readable is told when the file itself is packed.
      return undefined;
    });
    if (bytes === undefined) continue;
    rules.add(bytes.subarray(0, IGNORE_FILE_BYTES_MAX).toString('utf8'));
    found = true;
  }
  return found ? { base, rules: rules.add([...patterns]) } : undefined;
}
