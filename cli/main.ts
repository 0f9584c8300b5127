#!/usr/bin/env node
/**
 * The `nabla` program. Runs the one-file form of itself where the build made one (deploy/install/bundle-cli.mjs):
 * reading two hundred modules takes longer than everything that most commands do. Otherwise runs the modules.
 */
// An import of a built-in module reads every one of its exports, lazy ones too; this takes what is there.
const { readFileSync, statSync } = process.getBuiltinModule('node:fs');
const { createRequire } = process.getBuiltinModule('node:module');
const { fileURLToPath } = process.getBuiltinModule('node:url');
const { Script } = process.getBuiltinModule('node:vm');

type Program = Pick<typeof import('./program.ts'), 'runProgram'>;

/** Undefined when there is no bundle, or when the compiler ran after it was made. */
function loadBundle(): Program | undefined {
  const file = fileURLToPath(new URL('../.bundle/nabla.cjs', import.meta.url));
  const bundle = statSync(file, { throwIfNoEntry: false });
  if (bundle === undefined) return undefined;
  const compiled = statSync(new URL('../.tsbuildinfo', import.meta.url), { throwIfNoEntry: false });
  if (compiled !== undefined && compiled.mtimeMs > bundle.mtimeMs) return undefined;
  const cachedData = readIfThere(`${file}.cache`);
  // The bundler writes ASCII, which Latin-1 reads as it is, without UTF-8's check of every byte.
  const source = `(function (exports, require, module, __filename) {${readFileSync(file, 'latin1')}\n})`;
  // A cache of another Node version is refused by V8 and costs nothing but its reading.
  const script = new Script(source, { filename: file, ...(cachedData === undefined ? {} : { cachedData }) });
  const module = { exports: {} as Program };
  const run = script.runInThisContext() as (...args: readonly unknown[]) => void;
  run(module.exports, createRequire(file), module, file);
  return module.exports;
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    // Without a cache the bundle is compiled anew, a few hundredths of a second.
    return undefined;
  }
}

const { runProgram } = loadBundle() ?? (await import('./program.ts'));
await runProgram(process.env);
