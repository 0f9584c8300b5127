/**
 * What must not occur in the code: impurity in the pure folders, environment reads outside configuration, names
 * that say nothing, and traces of the machine on which something was written.
 */
import { type Finding, findAll, isHandWritten, isProduct, type SourceFile, type Tree } from './tree.ts';

interface Ban {
  readonly applies: (file: SourceFile) => boolean;
  readonly pattern: RegExp;
  readonly message: string;
  /** Look at the whole text, prose and strings too. Default: code only. */
  readonly inProse?: boolean;
}

const isPure = (file: SourceFile): boolean =>
  isProduct(file) && /^(controller\/(core|state)|agent\/core)\//.test(file.path);
const isContract = (file: SourceFile): boolean =>
  isProduct(file) && /^proto\/(domain|errors|ports|wire)\//.test(file.path);
const isSpec = (file: SourceFile): boolean => /^test\/.*\.spec\.ts$/.test(file.path);
const readsEnvironment = (file: SourceFile): boolean =>
  /^(proto\/runtime|deploy|test)\//.test(file.path) || /^\w+\/([\w-]+-)?main\.c?ts$/.test(file.path);

const PURE_GLOBALS =
  /(?<![.\w$'-])(Date|crypto|process|performance|console|globalThis|setTimeout|setInterval|setImmediate|queueMicrotask|fetch)(?=\s*[.(])|(?<=new )Date\b|\bMath\.random\b/g;
const BAD_SUFFIX =
  /\bexport (?:abstract )?(?:class|interface|type|function|async function|const) \w+(?:Managers?|Utils?|Helpers?|Info|Data)\b/g;
// Put together here, so that this file does not hold what it bans.
const MACHINE_PATHS = new RegExp(
  `(?<![\\w.-])/(?:${['work/(?:main|shared|\\.)', 'tmp/bash', 'root/\\.pyenv'].join('|')})`,
  'g',
);
const LEFTOVERS = new RegExp(
  `\\b(?:${['TO', 'FIX', 'XX'].map((part, at) => part + ['DO', 'ME', 'X'][at]).join('|')})\\b`,
  'g',
);

/** Notes that were never part of the tree: a reader cannot look them up. */
const OUTSIDE_PAGES = new RegExp(
  `\\b(?:${['relia|bility', 'house|-style', 'grad|ient', 'archi|tecture'].map((word) => word.replace('|', '')).join('|')})(?:\\.md)? \\d+[a-z]?\\b`,
  'g',
);

const BANS: readonly Ban[] = [
  { applies: isPure, pattern: PURE_GLOBALS, message: '$& is a clock, chance, I/O or a log in pure code' },
  { applies: isPure, pattern: /\b(async|await)\b/g, message: 'pure code does not wait' },
  {
    applies: isPure,
    pattern: /^(?:export )?(?:let|var)\b/gm,
    message: 'module-level mutable state in pure code',
  },
  {
    applies: isContract,
    pattern: /\b(Math\.random|Date\.now|new Date\(\)|process\.|setTimeout|setInterval|console\.)/g,
    message: '$& in the contract, which is pure',
  },
  {
    applies: (file) => isHandWritten(file) && !readsEnvironment(file),
    pattern: /\bprocess\.env\b/g,
    message: 'the environment is read in proto/runtime and in main files only',
  },
  {
    applies: isProduct,
    pattern: /\bconsole\.\w+/g,
    message: '$&: use the logger, or a stream that was handed in',
  },
  { applies: isProduct, pattern: BAD_SUFFIX, message: '$&: the name says nothing' },
  { applies: isHandWritten, pattern: /^export \*/gm, message: 'export by name' },
  { applies: (file) => isHandWritten(file), pattern: /^export default\b/gm, message: 'no default exports' },
  {
    applies: isSpec,
    pattern: /^t\.setTimeout\(/gm,
    message: 'all specs of an area share the root test: its time limit is that of the area, in the runner',
  },
  {
    applies: isSpec,
    pattern: /\bt\.only\(|\bonly: true\b/g,
    message: '$& keeps the other tests from running',
  },
  {
    applies: isSpec,
    pattern: /^t\.(before|beforeEach|afterEach)\(/gm,
    message: '$&…) at the root would run around every spec of the area; put it in a t.test',
  },
  {
    applies: isSpec,
    pattern: /await new Promise[^;\n]*setTimeout|timers\/promises/g,
    message: 'tests wait for a condition (test/kit/eventually.ts), not for time',
  },
  {
    applies: isHandWritten,
    pattern: LEFTOVERS,
    message: '$&: finish it or say it in the report',
    inProse: true,
  },
  {
    applies: (file) => !file.path.startsWith('proto/gen/'),
    pattern: MACHINE_PATHS,
    message: '$& is a path of one machine',
    inProse: true,
  },
  {
    applies: isHandWritten,
    pattern: OUTSIDE_PAGES,
    message: '$& is no page of this tree; say the reason or cite an ADR',
    inProse: true,
  },
];

export function findBanned(tree: Tree): readonly Finding[] {
  return tree.files.flatMap((file) =>
    BANS.filter((ban) => ban.applies(file)).flatMap((ban) =>
      findAll(file, ban.inProse === true ? file.text : file.code, ban.pattern, ban.message),
    ),
  );
}

const EMPTY_WORDS = /(^|\/|-)(utils?|helpers?|common|misc|lib)(\/|-|\.|$)/;
const TOP_FOLDERS = ['proto', 'controller', 'agent', 'cli', 'deploy', 'test', 'docs', '.ci'];

/** Names of files and folders. */
export function findBadNames(tree: Tree): readonly Finding[] {
  return tree.files.flatMap(({ path }) => {
    const found = (message: string): Finding => ({ path, line: 1, message });
    const top = path.split('/')[0] ?? '';
    if (path.includes('/') && !TOP_FOLDERS.includes(top))
      return [found(`${top}/ is not one of the fixed top-level folders`)];
    if (!/\.(ts|mjs)$/.test(path) || path.startsWith('proto/gen/')) return [];
    const name = path.split('/').at(-1) ?? '';
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.(spec|test|suite|d))?\.(ts|mjs)$/.test(name))
      return [found('file names are kebab-case')];
    return EMPTY_WORDS.test(path) ? [found('the name says nothing about what lives here')] : [];
  });
}
