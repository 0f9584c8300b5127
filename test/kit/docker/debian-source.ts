/**
 * Which Debian mirror and suite this machine is set up with, read from apt's own files in both of their formats,
 * so that the kit names no server itself.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DebianSource {
  readonly mirror: string;
  readonly suite: string;
}

const APT_FOLDER = '/etc/apt';

/** The first source that offers this release's main suite, or undefined on a machine that is not Debian. */
export async function findDebianSource(aptFolder: string = APT_FOLDER): Promise<DebianSource | undefined> {
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(await readOrEmpty('/etc/os-release'))?.[1];
  if (suite === undefined) return undefined;
  const parts = await readdir(join(aptFolder, 'sources.list.d')).catch(() => [] as string[]);
  const files = ['sources.list', ...parts.sort().map((name) => join('sources.list.d', name))];
  for (const file of files) {
    const text = await readOrEmpty(join(aptFolder, file));
    const mirror = file.endsWith('.sources') ? findInStanzas(text, suite) : findInLines(text, suite);
    if (mirror !== undefined) return { mirror, suite };
  }
  return undefined;
}

/** One-line format: `deb [options] URI SUITE COMPONENTS…`. */
export function findInLines(text: string, suite: string): string | undefined {
  for (const line of text.split('\n')) {
    const found = /^deb\s+(?:\[[^\]]*\]\s+)?(https?:\S+)\s+(\S+)\s/.exec(`${line} `);
    if (found?.[2] === suite) return found[1];
  }
  return undefined;
}

/** Stanza format (deb822): fields `Types`, `URIs`, `Suites`, separated by empty lines. */
export function findInStanzas(text: string, suite: string): string | undefined {
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string): readonly string[] =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, 'mi').exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    if (field('Enabled')[0] === 'no' || !field('Types').includes('deb') || !field('Suites').includes(suite))
      continue;
    const uri = field('URIs').find((candidate) => /^https?:/.test(candidate));
    if (uri !== undefined) return uri;
  }
  return undefined;
}

async function readOrEmpty(path: string): Promise<string> {
  // A file that is absent offers nothing, which is what the empty text says.
  return await readFile(path, 'utf8').catch(() => '');
}
