/**
 * Who may import whom, as tables: the folders and the door of each package. Type-only and
 * dynamic imports count like any other, because both couple the folders.
 */
import { type Finding, isHandWritten, lineAt, type SourceFile, type Tree } from './tree.ts';

const CONTRACT = ['proto/domain', 'proto/errors', 'proto/ports'];
const PROTO = [...CONTRACT, 'proto/wire', 'proto/rpc', 'proto/runtime'];
/** Generated types stop at the wire; whoever serves or calls a service also names its descriptor. */
const PROTO_AND_GEN = [...PROTO, 'proto/gen'];
const CONTROLLER_FACE = ['controller/core', 'controller/state', 'controller/blobs', ...PROTO_AND_GEN];
const AGENT_SHELL = ['agent/core', ...PROTO];

/** Folder → folders it may import, besides itself. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'proto/domain': CONTRACT,
  'proto/errors': CONTRACT,
  'proto/ports': CONTRACT,
  'proto/gen': [],
  'proto/wire': PROTO_AND_GEN,
  'proto/rpc': PROTO_AND_GEN,
  'proto/runtime': PROTO,
  'controller/core': CONTRACT,
  'controller/state': ['controller/core', ...CONTRACT],
  'controller/store': ['controller/state', 'controller/core', ...PROTO],
  'controller/effects': ['controller/core', 'controller/state', ...PROTO],
  'controller/rpc': CONTROLLER_FACE,
  'controller/http': CONTROLLER_FACE,
  'controller/gateway': CONTROLLER_FACE,
  'controller/dashboard': CONTROLLER_FACE,
  'controller/blobs': PROTO,
  'controller/workers': ['controller/core', ...PROTO],
  'agent/core': CONTRACT,
  'agent/driver': AGENT_SHELL,
  'agent/probe': AGENT_SHELL,
  'agent/session': [...AGENT_SHELL, 'proto/gen'],
  'agent/journal': AGENT_SHELL,
  'agent/storage': AGENT_SHELL,
  'agent/serving': AGENT_SHELL,
  'agent/ingress': AGENT_SHELL,
  'cli/render': PROTO,
  'cli/client': PROTO_AND_GEN,
  'cli/command': ['cli/render', 'cli/client', ...PROTO],
};

/** Package → folders through which it enters. A package that is not listed has no door yet. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  '@bufbuild/protobuf': ['proto/gen', 'proto/wire', 'proto/rpc', 'proto/runtime'],
  '@grpc/grpc-js': ['proto/rpc', 'controller/rpc', 'agent/session', 'cli/client'],
  '@lydell/node-pty': ['agent/driver'],
  '@peculiar/x509': ['proto/runtime', 'controller/rpc', 'controller/http', 'controller/gateway'],
  dockerode: ['agent/driver'],
  'fast-xml-parser': ['agent/probe'],
  ignore: ['cli/client'],
  level: ['controller/store', 'agent/journal'],
  'node-nvidia-smi': ['agent/probe'],
  'reflect-metadata': ['controller/rpc'],
  systeminformation: ['agent/probe'],
  yaml: ['proto/runtime', 'cli/command', 'cli/client', 'cli/render'],
  yauzl: ['agent/storage'],
  yazl: ['cli/client', 'agent/storage'],
};

const WITHOUT_NODE = new Set([
  ...CONTRACT,
  'proto/gen',
  'proto/wire',
  'controller/core',
  'controller/state',
  'agent/core',
]);

export interface ImportEdge {
  readonly file: SourceFile;
  readonly line: number;
  readonly specifier: string;
  /** Path of the imported file inside the tree; undefined for packages and Node's own modules. */
  readonly target: string | undefined;
}

const IMPORTS = /(?<![.\w])(?:from\s*|import\s*\(?\s*)(['"])([^'"\n]+)\1/g;

/** All imports and re-exports of the tree's code. A specifier is read where the blanked code still has quotes. */
export function listImports(tree: Tree): readonly ImportEdge[] {
  return tree.files.filter(isHandWritten).flatMap((file) =>
    [...file.text.matchAll(IMPORTS)]
      .filter((match) => /^(from|import)/.test(file.code.slice(match.index)))
      .map((match) => ({
        file,
        line: lineAt(file.text, match.index),
        specifier: match[2] ?? '',
        target: resolve(file.path, match[2] ?? ''),
      })),
  );
}

function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** `controller/core` of `controller/core/job/step.ts`; `controller` of `controller/main.ts`. */
function folderOf(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts.slice(0, 2).join('/') : parts.slice(0, -1).join('/');
}

export function findImportBreaches(tree: Tree): readonly Finding[] {
  const known = new Set(tree.files.map((file) => file.path));
  return listImports(tree).flatMap((edge) => {
    const message = edge.target === undefined ? judgePackage(edge) : judgeFile(edge, edge.target, known);
    return message === undefined ? [] : [{ path: edge.file.path, line: edge.line, message }];
  });
}

function judgeFile(
  { file, specifier }: ImportEdge,
  target: string,
  known: ReadonlySet<string>,
): string | undefined {
  if (!/\.(c?ts|mjs|json)$/.test(specifier)) return `${specifier} must end in .ts`;
  if (!known.has(target) && !target.startsWith('proto/gen/')) return `${specifier} does not exist`;
  const [from, to] = [folderOf(file.path), folderOf(target)];
  if (from.startsWith('test') || from.startsWith('deploy')) {
    return to.startsWith('deploy') && !from.startsWith('deploy')
      ? 'deploy is imported by nothing'
      : undefined;
  }
  if (/^(test|deploy)(\/|$)/.test(to)) return `${to} is imported by nothing but itself`;
  if (from === to) return undefined;
  // The file that wires a process may reach all of it, and only it.
  if (!from.includes('/'))
    return to.split('/')[0] === from || PROTO_AND_GEN.includes(to)
      ? undefined
      : `${from} may not import ${to}`;
  return MAY_IMPORT[from]?.includes(to) === true ? undefined : `${from} may not import ${to}`;
}

function judgePackage({ file, specifier }: ImportEdge): string | undefined {
  const folder = folderOf(file.path);
  if (/^(test|deploy)(\/|$)/.test(folder)) return undefined;
  if (specifier.startsWith('node:')) {
    return WITHOUT_NODE.has(folder) ? `${folder} is pure and may not import ${specifier}` : undefined;
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const doors = DOORS[name];
  if (doors === undefined)
    return `${name} has no door; name one in test/tidy/import-law.ts and in ARCHITECTURE.md`;
  // Composition files wire concrete parts and need no package of their own.
  return doors.includes(folder) ? undefined : `${name} may only be imported in ${doors.join(', ')}`;
}

/** Import cycles, each reported once at its alphabetically first file. */
export function findCycles(tree: Tree): readonly Finding[] {
  const edges = new Map<string, readonly string[]>();
  for (const { file, target } of listImports(tree)) {
    if (target !== undefined) edges.set(file.path, [...(edges.get(file.path) ?? []), target]);
  }
  const settled = new Set<string>();
  const findings: Finding[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0)
      findings.push({ path, line: 1, message: `import cycle: ${[...trail.slice(at), path].join(' → ')}` });
    if (at >= 0 || settled.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    settled.add(path);
  };
  for (const path of [...edges.keys()].sort()) visit(path, []);
  return findings;
}
