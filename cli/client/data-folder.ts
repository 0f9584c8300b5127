/**
 * Where a cluster on this machine keeps its data when nobody says otherwise.
 */
import { join } from 'node:path';

/** `NABLA_DATA`, else `/var/lib/nabla` as root, else `$XDG_STATE_HOME/nabla`. */
export function defaultDataFolder(variables: Readonly<Record<string, string | undefined>>): string {
  const chosen = variables['NABLA_DATA'] ?? '';
  if (chosen !== '') return chosen;
  if (process.getuid?.() === 0) return '/var/lib/nabla';
  const state = variables['XDG_STATE_HOME'] ?? '';
  return join(state.startsWith('/') ? state : join(variables['HOME'] ?? '/', '.local', 'state'), 'nabla');
}
