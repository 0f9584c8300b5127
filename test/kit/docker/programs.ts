/**
 * Finding and running the few system programs with which test images are made; every run has a time limit.
 */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Absolute path of a program on the PATH or in the sbin folders, which a PATH may lack. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** @throws Error with the last line of what the program said when it fails or takes too long. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs: number },
): Promise<{ readonly stdout: string }> {
  return new Promise((resolve, reject) => {
    const limits = {
      timeout: options.timeoutMs,
      maxBuffer: OUTPUT_BYTES_MAX,
      killSignal: 'SIGKILL' as const,
    };
    execFile(program, [...args], limits, (error, stdout, stderr) => {
      if (error === null) return resolve({ stdout });
      const last = `${stdout}\n${stderr}`.trim().split('\n').at(-1);
      reject(new Error(`${program} ${args[0] ?? ''} failed: ${last === '' ? error.message : last}`));
    });
  });
}
