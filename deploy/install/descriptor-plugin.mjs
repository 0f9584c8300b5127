/**
 * For the bundler: puts the parsed form of protobuf descriptors where generated code has their encoded one. Decoding
 * them needs the descriptor of descriptors first; both together took a third of the time that `nabla` needs to load.
 */
import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { base64Decode } from '@bufbuild/protobuf/wire';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

const ENCODED = /\bfileDesc\("([A-Za-z0-9+/=]+)"/g;

/** Stands in for protobuf's own codegenv2/file.js and does the same with a parsed descriptor. */
const FILE_MODULE = `
import { createFileRegistry } from '../registry.js';
import { restoreJsonNames } from './restore-json-names.js';
const defaults = PROTOTYPES;
function revive(value) {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) revive(inner);
  const prototype = defaults[value.$typeName];
  if (prototype !== undefined) Object.setPrototypeOf(value, prototype);
}
export function fileDesc(json, imports) {
  const root = JSON.parse(json);
  revive(root);
  root.messageType.forEach(restoreJsonNames);
  root.dependency = imports?.map((file) => file.proto.name) ?? [];
  const find = (name) => imports?.find((file) => file.proto.name === name);
  return createFileRegistry(root, find).getFile(root.name);
}
`;

/**
 * Descriptors are proto2 messages: what is not set is read from their prototypes, which therefore travel too.
 *
 * @param {unknown} value
 * @param {Map<string, object>} prototypes by type name
 */
function collectPrototypes(value, prototypes) {
  if (typeof value !== 'object' || value === null) return;
  if (ArrayBuffer.isView(value)) throw new Error('bytes in a descriptor have no form in JSON');
  if (typeof value.$typeName === 'string') prototypes.set(value.$typeName, Object.getPrototypeOf(value));
  for (const inner of Object.values(value)) collectPrototypes(inner, prototypes);
}

/** @param {string} encoded */
function parse(encoded) {
  return fromBinary(FileDescriptorProtoSchema, base64Decode(encoded));
}

/** Every prototype of a descriptor, from those of the files that are bundled. */
function prototypesOf(files) {
  const prototypes = new Map();
  for (const file of files) collectPrototypes(file, prototypes);
  return Object.fromEntries(prototypes);
}

/**
 * @param {readonly string[]} generated Paths of the generated modules of the bundle.
 * @returns {Promise<import('esbuild').Plugin>}
 */
export async function descriptorPlugin(generated) {
  const sources = new Map();
  const files = [];
  for (const path of generated) {
    const text = await readFile(path, 'utf8');
    files.push(...[...text.matchAll(ENCODED)].map(([, encoded]) => parse(encoded)));
    sources.set(
      path,
      text.replace(ENCODED, (_, encoded) => `fileDesc(${JSON.stringify(JSON.stringify(parse(encoded)))}`),
    );
  }
  const module = FILE_MODULE.replace('PROTOTYPES', JSON.stringify(prototypesOf(files)));
  return {
    name: 'parsed-descriptors',
    setup(build) {
      build.onLoad({ filter: /_pb\.js$/ }, ({ path }) => {
        const contents = sources.get(path);
        return contents === undefined ? undefined : { contents, loader: 'js' };
      });
      build.onLoad({ filter: /@bufbuild.protobuf.*codegenv2.file\.js$/ }, () => ({
        contents: module,
        loader: 'js',
      }));
    },
  };
}
