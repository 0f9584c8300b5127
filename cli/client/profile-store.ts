/**
 * Connection profiles: who to talk to and as whom, in one file that only its owner may read.
 */
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from './file-error.ts';

export interface Profile {
  /** `https://host:port` of gRPC. */
  readonly url: string;
  readonly token?: string;
  /** PEM of the authority that signed the controller's certificate. */
  readonly ca?: string;
  readonly project?: string;
}

export interface Profiles {
  readonly current?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

export interface ProfileStore {
  readonly path: string;
  /** No file is an empty set. @throws ClusterError PROFILE_FILE_INVALID, file errors */
  read(): Promise<Profiles>;
  /** Replaces the file as a whole, mode 0600. */
  write(profiles: Profiles): Promise<void>;
  /** The file's permission bits that others than the owner have; 0 when safe or absent. */
  othersMode(): Promise<number>;
}

/** Folder of the CLI's configuration: `$XDG_CONFIG_HOME/nabla`, else `~/.config/nabla`. */
export function configFolder(variables: Readonly<Record<string, string | undefined>>): string {
  const configured = variables['XDG_CONFIG_HOME'] ?? '';
  return join(configured.startsWith('/') ? configured : join(variables['HOME'] ?? '/', '.config'), 'nabla');
}

export function createProfileStore(path: string): ProfileStore {
  return {
    path,
    async read() {
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
        throw toFileError(error, path);
      });
      return text === undefined ? { profiles: {} } : parseProfiles(text, path);
    },
    async write(profiles) {
      await writePrivately(path, `${JSON.stringify(profiles, null, 2)}\n`).catch((error: unknown) =>
        Promise.reject(toFileError(error, path)),
      );
    },
    async othersMode() {
      const found = await stat(path).catch(() => undefined);
      return (found?.mode ?? 0) & 0o077;
    },
  };
}

/** Written beside and renamed over, so that a crash leaves the old file or the new one. */
async function writePrivately(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await chmod(path, 0o600);
}

function parseProfiles(text: string, path: string): Profiles {
  try {
    const parsed = JSON.parse(text) as Partial<Profiles> | null;
    const found = parsed?.profiles;
    if (typeof found !== 'object' || found === null) throw new TypeError('no profiles');
    const profiles: Record<string, Profile> = {};
    for (const [name, profile] of Object.entries(found)) {
      if (typeof profile?.url !== 'string') throw new TypeError('a profile without url');
      profiles[name] = profile;
    }
    return { profiles, ...(typeof parsed?.current === 'string' ? { current: parsed.current } : {}) };
  } catch (error) {
    throw new ClusterError('invalid', 'PROFILE_FILE_INVALID', 'the profile file is not valid', {
      hint: 'correct or remove it, then run nabla login again',
      details: { path },
      cause: error,
    });
  }
}
