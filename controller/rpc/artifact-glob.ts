/**
 * Which paths a glob means. Linear in the length of both, because globs come from users.
 */

/** `*` and `?` stay within one name, `**` goes across folders, everything else is literal. */
export function matchesGlob(glob: string, path: string): boolean {
  const pattern = glob.replace(/\/+$/, '').split('/');
  const names = path.split('/');
  // Like in ignore files: a glob without a slash means a name at any depth.
  const whole = pattern.length === 1 ? ['**', ...pattern] : pattern[0] === '' ? pattern.slice(1) : pattern;
  // A glob that means a folder means everything in it.
  return matchesNames(whole, names) || matchesNames([...whole, '**'], names);
}

/** Any of the globs; no glob means all. */
export function matchesAnyGlob(globs: readonly string[], path: string): boolean {
  return globs.length === 0 || globs.some((glob) => matchesGlob(glob, path));
}

function matchesNames(pattern: readonly string[], names: readonly string[]): boolean {
  return matchesRun(pattern, names, '**', matchesName);
}

function matchesName(pattern: string, name: string): boolean {
  return matchesRun(
    Array.from(pattern),
    Array.from(name),
    '*',
    (one, character) => one === '?' || one === character,
  );
}

/** Wildcard match of two runs; after a mismatch only the last wildcard needs to take one more. */
function matchesRun(
  pattern: readonly string[],
  items: readonly string[],
  wildcard: string,
  matchesOne: (pattern: string, item: string) => boolean,
): boolean {
  let at = 0;
  let star = -1;
  let starItem = 0;
  for (let index = 0; index < items.length; ) {
    const part = pattern[at];
    if (part === wildcard) {
      star = at;
      starItem = index;
      at += 1;
    } else if (part !== undefined && matchesOne(part, items[index] as string)) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      starItem += 1;
      index = starItem;
    } else {
      return false;
    }
  }
  while (pattern[at] === wildcard) at += 1;
  return at === pattern.length;
}
