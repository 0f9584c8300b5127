/**
 * Whether a container holds the program that it is to run, asked of the container before it starts: with an init
 * process in front, the engine itself would report a missing program as a task that ran and failed.
 */
import { posix } from 'node:path';
import type Docker from 'dockerode';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { TaskPlan } from '../../core/driver-port.ts';
import { DEFAULT_PATH, isProgram } from '../command-path.ts';
import { commandNotFound } from '../driver-error.ts';
import { isBelow, toHostPath } from '../host-path.ts';
import { statusOf } from './docker-error.ts';
import type { Engine } from './engine.ts';

/** Programs known to be in an image, by image id; oldest dropped first. An image never changes under its id. */
const KNOWN_MAX = 1024;
const EXECUTE_BITS = 0o111;
/** Bits of Go's os.FileMode, as the engine sends it. */
const GO_MODE_FOLDER = 2 ** 31;
const GO_MODE_LINK = 2 ** 27;

export interface ImageCommands {
  /** @throws ClusterError COMMAND_NOT_FOUND, IMAGE_WITHOUT_SHELL */
  check(container: Docker.Container, imageId: string, plan: TaskPlan, path: string): Promise<void>;
}

export function createImageCommands(engine: Engine): ImageCommands {
  const known = new Map<string, true>();
  const holds = async (container: Docker.Container, imageId: string, path: string): Promise<boolean> => {
    const name = `${imageId} ${path}`;
    if (known.has(name)) return true;
    if (!(await isInContainer(engine, container, path))) return false;
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value ?? '');
    known.set(name, true);
    return true;
  };
  return {
    async check(container, imageId, plan, path) {
      if (plan.command.kind === 'shell') {
        if (await holds(container, imageId, '/bin/sh')) return;
        throw imageWithoutShell(plan.image);
      }
      const [program] = plan.command.args;
      if (program === undefined) return;
      for (const candidate of candidates(program, plan, path)) {
        const mounted = plan.mounts.some(({ target }) => isBelow(candidate, target));
        if (
          mounted
            ? await isProgram(toHostPath(candidate, plan.mounts))
            : await holds(container, imageId, candidate)
        )
          return;
      }
      throw commandNotFound(program);
    },
  };
}

function imageWithoutShell(image: string): ClusterError {
  return new ClusterError('invalid', 'IMAGE_WITHOUT_SHELL', 'the image has no /bin/sh for a command line', {
    hint: 'give the program and its arguments after -- instead of --command',
    details: { image },
  });
}

function candidates(program: string, plan: TaskPlan, path: string): readonly string[] {
  const absolute = (text: string): string => posix.resolve(plan.workingDirectory, text);
  if (program === '') return [];
  if (program.includes('/')) return [absolute(program)];
  return (path === '' ? DEFAULT_PATH : path)
    .split(':')
    .map((folder) => absolute(`${folder === '' ? '.' : folder}/${program}`));
}

async function isInContainer(engine: Engine, container: Docker.Container, path: string): Promise<boolean> {
  try {
    const mode = await engine.call(async (abortSignal) => {
      const answer = (await container.infoArchive({ path, abortSignal })) as unknown as {
        headers?: Record<string, string | undefined>;
        destroy?: () => void;
      };
      const header = answer.headers?.['x-docker-container-path-stat'] ?? '';
      answer.destroy?.();
      return Number(
        (JSON.parse(Buffer.from(header, 'base64').toString() || '{}') as { mode?: number }).mode ?? 0,
      );
    });
    // A link is taken at its word: it leads to where only the running container can tell.
    if (Math.floor(mode / GO_MODE_LINK) % 2 === 1) return true;
    return mode < GO_MODE_FOLDER && (mode & EXECUTE_BITS) !== 0;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
