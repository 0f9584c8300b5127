#!/usr/bin/env node
/**
 * Makes one file of the compiled command line, and V8's compile cache of it: `nabla` then starts in about half the
 * time. Optional in every way: without esbuild, or when anything fails, the modules run as they are.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { rehearseCli } from './rehearse-cli.mjs';

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
    charset: 'ascii',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    logLevel: 'error',
    // A server's debugging service of grpc-js asks for it, a seventh of the bundle; no client does.
    external: ['@grpc/proto-loader'],
    // Modules ask where they are to find the package around them; the bundle lies in the same one.
    define: { 'import.meta.url': '__nablaUrl' },
    banner: { js: 'const __nablaUrl=require("node:url").pathToFileURL(__filename).href;' },
    plugins: await pluginsFor(dist),
  });
  await writeCompileCache(dist, file);
  return true;
}

/**
 * Node's test for IPv6 addresses compiles a large regular expression, 5 ms that a look for a colon saves where an
 * address is made into text before every connection.
 *
 * @type {import('esbuild').Plugin}
 */
const ADDRESS_PLUGIN = {
  name: 'quick-address-test',
  setup(build) {
    build.onLoad(
      { filter: /grpc-js.build.src.(subchannel-address|load-balancer-pick-first)\.js$/ },
      ({ path }) => ({
        contents: readFileSync(path, 'utf8').replace(
          /\(0, net_1\.isIPv6\)\(([\w.[\]]+)\)/g,
          '($1.includes(":") && (0, net_1.isIPv6)($1))',
        ),
        loader: 'js',
      }),
    );
  },
};

async function pluginsFor(dist) {
  const folder = join(dist, 'proto', 'gen');
  if (!existsSync(folder)) return [ADDRESS_PLUGIN];
  const { descriptorPlugin } = await import('./descriptor-plugin.mjs');
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('_pb.js'));
  return [ADDRESS_PLUGIN, await descriptorPlugin(names.map((name) => join(folder, name)))];
}

/** The cache holds the functions that ran by then, so common commands are rehearsed first. */
async function writeCompileCache(dist, file) {
  const text = readFileSync(file, 'latin1');
  if (/[\u0080-\u00ff]/.test(text)) throw new Error('the bundle is not ASCII, which is how it is read');
  const source = `(function (exports, require, module, __filename) {${text}\n})`;
  const script = new vm.Script(source, { filename: file });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file);
  await module.exports.loadCommonParts();
  await rehearseCli(dist, module.exports.rehearse);
  writeFileSync(`${file}.cache`, script.createCachedData());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const dist = process.argv[2] ?? join(import.meta.dirname, '..', '..', 'dist');
  await bundleCli(dist);
}
