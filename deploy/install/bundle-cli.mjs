#!/usr/bin/env node
/**
 * Makes one file of the compiled command line, and V8's compile cache of it: `nabla` then starts in about half the
 * time. Optional in every way: without esbuild, or when anything fails, the modules run as they are.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';

/**
 * Bundles `<dist>/cli/program.js` into `<dist>/.bundle/nabla.cjs`. Returns false when there is no bundler.
 *
 * @param {string} dist
 */
export async function bundleCli(dist) {
  const esbuild = await import('esbuild').catch(() => undefined);
  if (esbuild === undefined) return false;
  const folder = join(dist, '.bundle');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'nabla.cjs');
  await esbuild.build({
    entryPoints: [join(dist, 'cli', 'program.js')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    logLevel: 'error',
    // Modules ask where they are to find the package around them; the bundle lies in the same one.
    define: { 'import.meta.url': '__nablaUrl' },
    banner: { js: 'const __nablaUrl=require("node:url").pathToFileURL(__filename).href;' },
  });
  await writeCompileCache(file);
  return true;
}

/** The cache holds what was compiled by then, so the common parts are loaded first. */
async function writeCompileCache(file) {
  const source = `(function (exports, require, module, __filename) {${readFileSync(file, 'utf8')}\n})`;
  const script = new vm.Script(source, { filename: file });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file);
  await module.exports.loadCommonParts();
  writeFileSync(`${file}.cache`, script.createCachedData());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const dist = process.argv[2] ?? join(import.meta.dirname, '..', '..', 'dist');
  await bundleCli(dist);
}
