/**
 * Rules for a job's environment variables: names, sizes, and which names Nabla keeps for itself.
 */
import { LIMITS } from './limits.ts';
import { checkSlug } from './names.ts';
import type { Violations } from './violations.ts';

/** Any variable that begins like this is set by Nabla. */
export const RESERVED_ENV_PREFIX = 'NABLA_';

/**
 * Set by Nabla for every task (product page 5), so a user's value is refused instead of silently losing.
 * Gradient's TYPE and INDEX are not among them: they mean something only with several tasks, and are common words.
 */
export const RESERVED_ENV_NAMES: readonly string[] = [
  'CUDA_DEVICE_ORDER',
  'CUDA_VISIBLE_DEVICES',
  'LOCAL_RANK',
  'MASTER_ADDR',
  'MASTER_PORT',
  'NNODES',
  'NODE_RANK',
  'NPROC_PER_NODE',
  'NVIDIA_VISIBLE_DEVICES',
  'PS_CONFIG',
  'PS_HOSTNAME',
  'PS_HOSTS',
  'PS_HOST_PRIVATE_IP_ADDRESS',
  'PS_HOST_PUBLIC_IP_ADDRESS',
  'PS_JOBSPACE',
  'PS_MODEL_PATH',
  'RANK',
  'TF_CONFIG',
  'WORKER_HOSTS',
  'WORLD_SIZE',
];

/** Gradient's, of services that Nabla does not have: what to use instead. */
const REFUSED: Readonly<Record<string, string>> = {
  MONGO_DB_HOST: 'is of a search database that Nabla does not have',
  MONGO_DB_PORT: 'is of a search database that Nabla does not have',
  PAPERSPACE_METRIC_PUSHGATEWAY: 'is not used: append metrics to the file named by NABLA_METRICS_FILE',
  PS_API_KEY: 'is not used: store a token with "nabla secrets set" and pass secret:NAME',
};

const SECRET_REFERENCE = /^secret:(.*)$/s;

/** Name of the secret that an environment value stands for, or undefined for a plain value. */
export function parseSecretReference(value: string): string | undefined {
  return SECRET_REFERENCE.exec(value)?.[1];
}

export function isReservedEnvName(name: string): boolean {
  return name.startsWith(RESERVED_ENV_PREFIX) || RESERVED_ENV_NAMES.includes(name);
}

function checkName(name: string): string | undefined {
  if (name.length > LIMITS.envKeyCharacters)
    return `must have names of at most ${LIMITS.envKeyCharacters} characters`;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'must have names of letters, digits and underscores';
  if (isReservedEnvName(name)) return 'is set by Nabla itself';
  return Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
}

function checkValue(value: string, bytes: number): string | undefined {
  if (value.includes('\0')) return 'must not hold a NUL character';
  if (bytes > LIMITS.envValueBytes) return `must be at most ${LIMITS.envValueBytes} bytes`;
  const secret = parseSecretReference(value);
  const reason = secret === undefined ? undefined : checkSlug(secret);
  return reason === undefined ? undefined : `must name a secret that could exist: the name ${reason}`;
}

/** UTF-8 length without an encoder: the core has none. */
export function countUtf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

export function checkEnv(env: Readonly<Record<string, string>>, path: string, violations: Violations): void {
  const entries = Object.entries(env);
  violations.require(entries.length <= LIMITS.envCount, path, `must be at most ${LIMITS.envCount} variables`);
  let total = 0;
  for (const [name, value] of entries.slice(0, LIMITS.envCount)) {
    const bytes = countUtf8Bytes(value);
    total += bytes + name.length;
    const shownName = name.slice(0, 64);
    violations.add(`${path}.${shownName}`, checkName(name) ?? checkValue(value, bytes));
  }
  violations.require(total <= LIMITS.envBytes, path, `must be at most ${LIMITS.envBytes} bytes in all`);
}
