/**
 * Starting a controller that is expected to end by itself, and what it said.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { distPath } from '../../kit/cluster-processes.ts';

const START_TIMEOUT_MS = 20_000;

export interface ProgramEnd {
  readonly code: number;
  /** Both streams. */
  readonly text: string;
}

export async function runController(args: readonly string[]): Promise<ProgramEnd> {
  const words = [distPath('controller', 'main.js'), '--allow-volatile-store', ...args];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words, {
      timeout: START_TIMEOUT_MS,
    });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string };
    return { code: failed.code ?? -1, text: `${failed.stdout ?? ''}${failed.stderr ?? ''}` };
  }
}
