/**
 * The queue policy for unknown durations on the Muri traces: first the published SRTF, SRSF and Tiresias are reproduced, which
 * proves the harness; then the production policy is judged against Tiresias and Themis.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import {
  DEFAULT_SERVICE_PARAMETERS,
  type ServiceParameters,
} from '../../../controller/core/service/service-parameters.ts';
import { type BenchOptions, type BenchResult, type Metric, metric } from '../bench-report.ts';
import { drawOutcomes } from './draw-outcomes.ts';
import { replayNabla } from './nabla-replay.ts';
import { type Figures, figuresOf, type Outcome } from './outcome.ts';
import { replayShortestFirst } from './shortest-first.ts';
import { replayTiresias } from './tiresias.ts';
import {
  type Published,
  readOverheads,
  readPublished,
  readTrace,
  submittedAtOnce,
  type Trace,
} from './trace.ts';

const OVERHEAD_FILE = 'restart_overhead.csv';
const PUBLISHED_FILE = 'published_simulation_table.csv';
const WHERE_IT_IS = 'github.com/Rivendile/Muri has the originals; name their folder with --data';
const PUBLISHED_NAMES = { srtf: 'SRTF', srsf: 'SRSF', tiresias: 'Tiresias' } as const;

/** Goals against Tiresias (B2b), as ratios. Slowdowns must be no worse. */
const JCT_RATIO_MAX = 0.85;
const MAKESPAN_RATIO_MAX = 1.06;
const THEMIS_SHARE_MIN = 0.75;

interface Verdicts {
  belowThemis: number;
  comparedWithThemis: number;
  reproduced: number;
  compared: number;
}

export async function benchMuri(options: BenchOptions): Promise<BenchResult> {
  const { dataFolder } = options;
  const metrics: Record<string, Metric> = {};
  if (dataFolder === undefined || !existsSync(path.join(dataFolder, OVERHEAD_FILE))) {
    options.skip('muri', `no ${OVERHEAD_FILE} in ${dataFolder ?? '(no --data)'}: ${WHERE_IT_IS}`);
    return { inputs: [], metrics };
  }
  const overheads = await readOverheads(path.join(dataFolder, OVERHEAD_FILE));
  const publishedFile = path.join(dataFolder, PUBLISHED_FILE);
  const published: Published = existsSync(publishedFile) ? await readPublished(publishedFile) : new Map();
  const files = (await readdir(dataFolder)).filter((name) => /^trace.*\.csv$/.test(name)).sort();
  const verdicts: Verdicts = { belowThemis: 0, comparedWithThemis: 0, reproduced: 0, compared: 0 };
  for (const file of files) {
    const name = file.slice(0, -'.csv'.length);
    const trace = await readTrace(path.join(dataFolder, file), name, overheads);
    benchTrace(trace, options, published, metrics, verdicts);
    // A supplied file stands for itself.
    if (!name.endsWith('_pr') && !options.quick && !files.includes(`${name}_pr.csv`)) {
      benchTrace(submittedAtOnce(trace), options, published, metrics, verdicts);
    }
  }
  judgeAll(metrics, verdicts);
  const inputs = [...files, OVERHEAD_FILE, PUBLISHED_FILE].map((file) => path.join(dataFolder, file));
  return { inputs: inputs.filter((file) => existsSync(file)), metrics };
}

function benchTrace(
  trace: Trace,
  options: BenchOptions,
  published: Published,
  metrics: Record<string, Metric>,
  verdicts: Verdicts,
): void {
  options.say(`muri: ${trace.name}, ${trace.jobs.length} jobs`);
  const outcomes: Outcome[] = [
    replayShortestFirst(trace, 'srtf'),
    replayShortestFirst(trace, 'srsf'),
    replayTiresias(trace),
  ];
  for (const outcome of outcomes) {
    const figures = figuresOf(outcome);
    putFigures(metrics, `${trace.name}.${outcome.policy}`, figures);
    proveHarness(
      trace,
      outcome.policy as keyof typeof PUBLISHED_NAMES,
      figures,
      published,
      metrics,
      verdicts,
    );
  }
  const tiresias = figuresOf(outcomes[2] as Outcome);
  const begun = performance.now();
  const nabla = replayNabla(trace, parametersOf());
  const took = performance.now() - begun;
  const themisS = published.get(`${trace.name}/Themis`)?.avgS;
  judge(trace, figuresOf(nabla), tiresias, themisS, metrics, verdicts);
  metrics[`${trace.name}.nabla.decisions`] = metric(nabla.decisions, 'decisions');
  metrics[`${trace.name}.nabla.decision_ms_mean`] = metric(took / nabla.decisions, 'ms');
  options.say(drawOutcomes([...outcomes, nabla]));
}

/** One set for all traces: the one with which controllers run. */
function parametersOf(): ServiceParameters {
  return DEFAULT_SERVICE_PARAMETERS;
}

function putFigures(metrics: Record<string, Metric>, key: string, figures: Figures): void {
  metrics[`${key}.avg_jct_s`] = metric(figures.avgJctS, 's');
  metrics[`${key}.makespan_s`] = metric(figures.makespanS, 's');
  metrics[`${key}.p99_jct_s`] = metric(figures.p99JctS, 's');
  metrics[`${key}.preemptions_per_job`] = metric(figures.preemptionsPerJob, '');
  metrics[`${key}.slowdown_p50`] = metric(figures.slowdownP50, '');
  metrics[`${key}.slowdown_p99`] = metric(figures.slowdownP99, '');
  metrics[`${key}.max_wait_s`] = metric(figures.maxWaitS, 's');
}

/** B2a: the average within a hundredth of a percent, makespan and 99th percentile to the second. */
function proveHarness(
  trace: Trace,
  policy: keyof typeof PUBLISHED_NAMES,
  figures: Figures,
  published: Published,
  metrics: Record<string, Metric>,
  verdicts: Verdicts,
): void {
  const known = published.get(`${trace.name}/${PUBLISHED_NAMES[policy]}`);
  if (known === undefined) return;
  const offPercent = (Math.abs(figures.avgJctS - known.avgS) / known.avgS) * 100;
  const offS = Math.max(
    Math.abs(figures.makespanS - known.makespanS),
    Math.abs(figures.p99JctS - known.p99S),
  );
  const key = `${trace.name}.${policy}`;
  metrics[`${key}.published_avg_jct_off_percent`] = metric(offPercent, '%', '< 0.01');
  metrics[`${key}.published_makespan_p99_off_s`] = metric(offS, 's', '< 1');
  verdicts.compared += 1;
  if (offPercent < 0.01 && offS < 1) verdicts.reproduced += 1;
}

function judge(
  trace: Trace,
  nabla: Figures,
  tiresias: Figures,
  themisS: number | undefined,
  metrics: Record<string, Metric>,
  verdicts: Verdicts,
): void {
  const key = `${trace.name}.nabla`;
  const atOnce = trace.name.endsWith('_pr');
  putFigures(metrics, key, nabla);
  metrics[`${key}.avg_jct_of_tiresias`] = metric(
    nabla.avgJctS / tiresias.avgJctS,
    'ratio',
    atOnce ? '< 1' : `<= ${JCT_RATIO_MAX}`,
  );
  metrics[`${key}.makespan_of_tiresias`] = metric(
    nabla.makespanS / tiresias.makespanS,
    'ratio',
    `<= ${MAKESPAN_RATIO_MAX}`,
  );
  metrics[`${key}.slowdown_p50_of_tiresias`] = metric(
    nabla.slowdownP50 / tiresias.slowdownP50,
    'ratio',
    '<= 1',
  );
  metrics[`${key}.slowdown_p99_of_tiresias`] = metric(
    nabla.slowdownP99 / tiresias.slowdownP99,
    'ratio',
    '<= 1',
  );
  if (themisS === undefined) return;
  metrics[`${key}.avg_jct_of_themis`] = metric(nabla.avgJctS / themisS, 'ratio');
  if (atOnce) return;
  verdicts.comparedWithThemis += 1;
  if (nabla.avgJctS < themisS) verdicts.belowThemis += 1;
}

function judgeAll(metrics: Record<string, Metric>, verdicts: Verdicts): void {
  if (verdicts.compared > 0) {
    metrics['published_reproduced_share'] = metric(verdicts.reproduced / verdicts.compared, 'ratio', '>= 1');
  }
  if (verdicts.comparedWithThemis > 0) {
    const share = verdicts.belowThemis / verdicts.comparedWithThemis;
    metrics['nabla_below_themis_share'] = metric(share, 'ratio', `>= ${THEMIS_SHARE_MIN}`);
  }
}
