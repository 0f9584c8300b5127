#!/usr/bin/env node
/**
 * The `nabla` program. Runs the one-file form of itself where the build made one (deploy/install/bundle-cli.mjs):
 * reading two hundred modules takes longer than everything that most commands do. Otherwise runs the modules. A CommonJS
 * file, because Node gets its loader of ES modules ready only for those who need it.
 */
const { readFileSync, statSync } = process.getBuiltinModule('node:fs');
const { createRequire } = process.getBuiltinModule('node:module');
const { join } = process.getBuiltinModule('node:path');
const { Script } = process.getBuiltinModule('node:vm');

type Program = Pick<typeof import('./program.ts', { with: { 'resolution-mode': 'import' }}), 'runProgram'>;

/** Undefined when there is no bundle, or when the compiler ran after it was made. */
function loadBundle(): Program | undefined {
  const file = join(__dirname, '..', '.bundle', 'nabla.cjs');
  const bundle = statSync(file, { throwIfNoEntry: false });
  if (bundle === undefined) return undefined;
  const compiled = statSync(join(__dirname, '..', '.tsbuildinfo'), { throwIfNoEntry: false });
  if (compiled !== undefined && compiled.mtimeMs > bundle.mtimeMs) return undefined;
  const cachedData = readIfThere(`${file}.cache`);
  // The bundler writes ASCII, which Latin-1 reads as it is, without UTF-8's check of every byte.
  const source = `(function (exports, require, module, __filename) {${readFileSync(file, 'latin1')}\n})`;
  // A cache of another Node version is refused by V8 and costs nothing but its reading.
  const script = new Script(source, { filename: file, ...(cachedData === undefined ? {} : { cachedData }) });
  const bundled = { exports: {} as Program };
  const run = script.runInThisContext() as (...args: readonly unknown[]) => void;
  run(bundled.exports, createRequire(file), bundled, file);
  return bundled.exports;
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    // Without a cache the bundle is compiled anew, a few hundredths of a second.
    return undefined;
  }
}

async function main(): Promise<void> {
  const { runProgram } = loadBundle() ?? (await import('./program.ts'));
  await runProgram(process.env);
}

void main();
