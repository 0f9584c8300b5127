/**
 * Everything that is read out of text: files and flags of users, names, what nvidia-smi prints, what a server or an
 * image prints into a person's terminal.
 */
import { AGENT_CONFIG } from '../../agent/config.ts';
import { parseGpuList } from '../../agent/probe/gpu-list.ts';
import { parseQueryCsv } from '../../agent/probe/query-csv.ts';
import { parseTopologyMatrix } from '../../agent/probe/topology-matrix.ts';
import { toSafeText } from '../../cli/render/safe-text.ts';
import { createTerminalFilter } from '../../cli/render/terminal-filter.ts';
import { parseYaml } from '../../cli/render/yaml-text.ts';
import { parseRange } from '../../controller/http/http-range.ts';
import { matchesGlob } from '../../controller/rpc/artifact-glob.ts';
import { parseTaskName } from '../../proto/domain/ids.ts';
import { parseAfter, parseArrayRange, toIndices } from '../../proto/domain/job-array.ts';
import { jobFromDocument } from '../../proto/domain/job-schema.ts';
import {
  checkGitRef,
  checkGitUrl,
  checkImage,
  checkWorkingDirectory,
} from '../../proto/domain/job-source.ts';
import * as names from '../../proto/domain/names.ts';
import { findPolicyKey, POLICY_KEYS, parseSetting } from '../../proto/domain/scheduling-policy.ts';
import { parseDay } from '../../proto/domain/scheduling-views.ts';
import * as units from '../../proto/domain/units.ts';
import { parseDocument } from '../../proto/runtime/config-file.ts';
import {
  aFakeGpu,
  aSmiScenario,
  aSplitMigGpu,
  loadFakeSmiRenderer,
} from '../kit/fake-nvidia-smi/scenario.ts';
import { readReport } from '../unit/agent/probe/read-report.ts';
import { type FuzzTarget, textTarget } from './fuzz-target.ts';

const smi = await loadFakeSmiRenderer();
const SCENARIOS = ['470.256', '535.183', '580.65.06'].map((driverVersion) =>
  aSmiScenario(2, { driverVersion, gpus: [aFakeGpu(0), aSplitMigGpu(1)] }),
);
const XML_WORDS = [
  '<gpu>',
  '</gpu>',
  '<gpu id="x">',
  '&lt;',
  '&#0;',
  '<![CDATA[',
  '<!--',
  'N/A',
  '[Unknown Error]',
  '<processes>',
];
const YAML_WORDS = [
  '&a',
  '*a',
  '<<:',
  '!!js',
  '- ',
  '|\n',
  '? ',
  '{}',
  'gpus: 2\n',
  'kind: job\n',
  '\t',
  '!!binary ',
  'env:\n  A: 1\n',
  '---\n',
];

const JOB_FILES = [
  'kind: job\nname: train\nimage: my/image\ngpus: 1\ncommand: python3 train.py\nenv:\n  A: "1"\n',
  'apiVersion: nabla/v1\nkind: job\ncommand: [sh, -c, "true"]\nmemory: 8Gi\ntimeLimit: 2h\nports: ["8080:80"]\n',
  '{"kind": "job", "command": "true", "tags": ["a"], "retries": 2, "constraints": {"gpu": "a"}}',
];

/** Whatever a text says it is: a size, a name, a port. None of these may throw. */
function readScalars(text: string): unknown {
  const {
    parseSize,
    parseDuration,
    parseGpus,
    parseCpus,
    parsePort,
    parsePriority,
    parseCount,
    parseBoolean,
  } = units;
  const parsers = [
    parseSize,
    parseDuration,
    parseGpus,
    parseCpus,
    parsePort,
    parsePriority,
    parseCount,
    parseBoolean,
  ];
  return parsers.map((parse) => parse(text));
}

function readNames(text: string): unknown {
  const checks = [
    names.checkDisplayName,
    names.checkSlug,
    names.checkTag,
    names.checkLabelKey,
    checkImage,
    checkGitUrl,
    checkGitRef,
    checkWorkingDirectory,
  ];
  const found = checks.map((check) => check(text));
  return [found, names.toPrintable(text), parseTaskName(text), names.checkText(text, 64)];
}

function showText(text: string): void {
  const shown = toSafeText(text);
  for (const character of shown) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x20 && character !== '\n' && character !== '\t')
      throw new Error(`a control ${point} is shown`);
    if (point >= 0x7f && point < 0xa0) throw new Error(`a control ${point} is shown`);
  }
}

function filterOutput(text: string): void {
  const filter = createTerminalFilter();
  const shown = filter(Buffer.from(text));
  // Whatever escape is let through, none may ask the terminal to answer or to touch the clipboard.
  const left = Buffer.from(shown).toString('latin1');
  if (left.includes('\u001b]52') || left.includes('\u001bP')) throw new Error('a hostile escape is shown');
}

export const TEXT_TARGETS: readonly FuzzTarget[] = [
  textTarget(
    'job files',
    8,
    JOB_FILES,
    async (text) => jobFromDocument(await parseYaml(text, 'job.yaml')),
    YAML_WORDS,
  ),
  textTarget(
    'configuration files',
    4,
    ['driver: process\nlabels: {a: b}\nsimulatedGpus: 2\n', '{"portFirst": 20000}'],
    async (text) => AGENT_CONFIG.load({ file: await parseDocument(text, 'agent.yaml'), env: {}, flags: {} }),
    YAML_WORDS,
  ),
  textTarget(
    'sizes, durations and counts',
    30,
    ['10Gi', '1h30m', '2', '0.5', '8080:80', 'high', 'true'],
    readScalars,
  ),
  textTarget(
    'arrays, dependencies and settings',
    30,
    ['0-99%10', '0-10:2', 'job_1abc:ok', 'a:b:any', '7d', 'easy', '500', '2026-01-31'],
    (text) => {
      const range = parseArrayRange(text);
      if (range.ok) toIndices(range.value);
      parseAfter(text);
      parseDay(text);
      for (const key of POLICY_KEYS) parseSetting(key, text);
      findPolicyKey(text);
    },
  ),
  textTarget(
    'names',
    30,
    [
      'train',
      'job_1m84h49egznyzf03ggpb.1.0',
      'registry.example.com:5000/a/b:1@sha256:0',
      'https://u:p@h/a.git',
      '/workspace/a',
    ],
    readNames,
  ),
  textTarget(
    'nvidia-smi XML',
    3,
    SCENARIOS.map((scenario) => smi.renderXml(scenario)),
    (text) => readReport({ xml: text, list: smi.renderList(SCENARIOS[0] as never), topology: '' }),
    XML_WORDS,
  ),
  textTarget(
    'nvidia-smi CSV',
    20,
    SCENARIOS.map((scenario) => smi.renderCsv(scenario, ['uuid', 'name', 'memory.total', 'count']).text),
    parseQueryCsv,
  ),
  textTarget(
    'nvidia-smi list',
    20,
    SCENARIOS.map((scenario) => smi.renderList(scenario)),
    parseGpuList,
  ),
  textTarget(
    'nvidia-smi topology',
    20,
    SCENARIOS.map((scenario) => smi.renderTopology(scenario)),
    parseTopologyMatrix,
  ),
  textTarget('Range headers', 20, ['bytes=0-99', 'bytes=-5', 'bytes=7-', 'bytes=1-2,3-4'], (text) => {
    const span = parseRange(text, 1_000);
    if (typeof span === 'string') return;
    if (!(span.start >= 0 && span.start < span.end && span.end <= 1_000))
      throw new Error('a span outside the file');
  }),
  textTarget('artifact globs', 10, ['**/*.ckpt\nout/model.ckpt', 'a?[b-c]*\nabc'], (text) => {
    const [glob = '', path = ''] = text.split('\n', 2);
    return matchesGlob(glob.slice(0, 1_024), path.slice(0, 768));
  }),
  textTarget('text for a terminal', 20, ['plain', 'a\u001b[31mred', 'é\u0301', '日本'], showText),
  textTarget(
    'output for a terminal',
    20,
    ['line\n', '\u001b[1;31mred\u001b[0m\r\n', '\u001b]0;title\u0007', '\u001b]52;c;AAAA\u0007'],
    filterOutput,
    ['\u001b', '\u001b]', '\u001bP', '\u009b', '\u0090', '\u0007', '\u001b\\', '\u001b]52;'],
  ),
];
