#!/usr/bin/env node
/**
 * `npm test`: makes the checkout ready, then runs the areas one by one and ends with one plain line of counts.
 * Plain JavaScript without dependencies, because on a fresh clone there are none.
 *
 *   node test/run.mjs                       everything that needs no system install (uses what is there)
 *   CI=true node test/run.mjs               also installs system parts, and lints; a missing engine is a failure
 *   NABLA_TEST_INSTALL=1 node test/run.mjs  everything, after installing system parts
 *   node test/run.mjs unit [--grep P] [--files PART[,PART]] [--keep-going]
 *   node test/run.mjs check                 build, format, lint, tidy, unused code, unit
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArguments } from './kit/runner/areas.mjs';
import { runBounded } from './kit/runner/processes.mjs';
import { prepareSystem } from './kit/runner/system-parts.mjs';
import { createTally } from './kit/runner/tally.mjs';
import { readTap } from './kit/runner/tap-results.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');
const PREPARE_TIMEOUT_MS = 900_000;
const TAP_BUILD_TIMEOUT_MS = 180_000;
const LINT_TIMEOUT_MS = 180_000;
const IMAGES_TIMEOUT_MS = 900_000;
/** Tap ends the tests at the area's limit; the process is only killed when that does not end it. */
const TAP_MARGIN_MS = 30_000;

const FAILURES_SHOWN_MAX = 40;

const LINTS = [
  ['format', 'biome', ['check', '--linter-enabled=false', '.']],
  ['lint', 'biome', ['lint', '.']],
  ['typed lint', 'oxlint', ['--type-aware']],
  ['unused code', 'knip', []],
];

const say = (line) => process.stdout.write(`${line}\n`);

/** Installs and compiles in a process of its own: `deploy/` is imported by nobody. */
async function prepare(tally, keepGoing) {
  const args = [join(ROOT, 'deploy', 'install', 'prepare.mjs'), ...(keepGoing ? ['--keep-going'] : [])];
  const { code } = await runBounded(process.execPath, args, { cwd: ROOT, timeoutMs: PREPARE_TIMEOUT_MS });
  tally.noteStep('build', code === 0, `exit ${code}`);
  if (code !== 0 && !(keepGoing && code === 3)) return false;
  return await buildTap(tally);
}

/** Tap writes a module of its own into node_modules for the plugins named in .taprc. */
async function buildTap(tally) {
  const stampPath = join(ROOT, 'node_modules', '.nabla-tap');
  const stamp = createHash('sha256')
    .update(readFileSync(join(ROOT, '.taprc')))
    .digest('hex');
  const built = join(ROOT, 'node_modules', '@tapjs', 'test', 'test-built');
  if (existsSync(built) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return true;
  const result = await runBounded(join(BIN, 'tap'), ['build'], {
    cwd: ROOT,
    timeoutMs: TAP_BUILD_TIMEOUT_MS,
    quiet: true,
  });
  tally.noteStep('tap build', result.code === 0, result.output.trim().split('\n').at(-1));
  if (result.code === 0) writeFileSync(stampPath, stamp);
  return result.code === 0;
}

async function runLints(tally) {
  for (const [name, program, args] of LINTS) {
    const result = await runBounded(join(BIN, program), args, {
      cwd: ROOT,
      timeoutMs: LINT_TIMEOUT_MS,
      quiet: true,
    });
    if (result.code !== 0) say(result.output);
    tally.noteStep(name, result.code === 0, `exit ${result.code}`);
    say(`${name}: ${result.code === 0 ? 'ok' : 'FAILED'}`);
  }
}

/**
 * An area is a plain Node process whose TAP is read here: tap's own runner would load its hooks into every process
 * that a test starts, and those are the ones that are tested and measured.
 */
async function runArea(area, { grep, files }, workFolder, tally) {
  const tapFile = join(workFolder, `${area.name}.tap`);
  say(`\n== ${area.name}`);
  const startedAtMs = performance.now();
  const result = await runBounded(
    process.execPath,
    ['--enable-source-maps', join(ROOT, 'dist', 'test', `${area.name}.test.js`)],
    {
      cwd: ROOT,
      timeoutMs: area.timeoutMs + TAP_MARGIN_MS,
      env: {
        NABLA_TEST_FILES: files,
        NODE_ENV: 'test',
        TAP_TIMEOUT: String(area.timeoutMs / 1000),
        TAP_GREP: grep === '' ? undefined : grep,
      },
      stdoutPath: tapFile,
    },
  );
  const text = readFileSync(tapFile, 'utf8');
  const found = readTap(text);
  // Tap says nothing at all when no test was made.
  if (text === '' && result.code === 0) found.totals = { total: 0, pass: 0, fail: 0, skip: 0 };
  tally.noteArea(area.name, grep !== '' || files !== '', found, result);
  showFailures(found);
  const { pass = 0, fail = 0, skip = 0 } = found.totals ?? {};
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  say(`${area.name}: ${pass} passed, ${fail} failed, ${skip} skipped in ${seconds} s`);
}

function showFailures({ failures }) {
  for (const { name, diagnostic } of failures.slice(0, FAILURES_SHOWN_MAX)) {
    say(`\nnot ok: ${name}`);
    for (const line of diagnostic) say(`  ${line.trimEnd()}`);
  }
  if (failures.length > 0) say('');
}

async function prepareImages(tally, inCi) {
  const program = join(ROOT, 'dist', 'test', 'kit', 'docker', 'prepare.js');
  if (!existsSync(program)) return;
  const { code, output } = await runBounded(process.execPath, [program], {
    cwd: ROOT,
    timeoutMs: IMAGES_TIMEOUT_MS,
    quiet: true,
  });
  say(output.trim());
  if (inCi) tally.noteStep('docker engine and test images', code === 0, output.trim().split('\n').at(-1));
}

async function main() {
  const asked = parseArguments(process.argv.slice(2));
  if ('refusal' in asked) {
    say(asked.refusal);
    return 2;
  }
  const tally = createTally();
  const inCi = process.env.CI === 'true';
  const install = inCi || process.env.NABLA_TEST_INSTALL === '1';
  const needsSystem = asked.areas.some(({ name }) => !['unit', 'tidy', 'sim', 'fuzz'].includes(name));
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const workFolder = mkdtempSync(join(tmpdir(), 'nabla-test-'));
  const system =
    install && needsSystem ? await prepareSystem({ say, workFolder }) : { close: async () => {} };
  try {
    if (await prepare(tally, asked.keepGoing)) {
      if (asked.check || (inCi && asked.whole)) await runLints(tally);
      if (needsSystem) await prepareImages(tally, inCi);
      for (const area of asked.areas) await runArea(area, asked, workFolder, tally);
    }
  } finally {
    await system.close();
    rmSync(workFolder, { recursive: true, force: true });
  }
  say('');
  for (const line of tally.lines()) say(line);
  return tally.exitCode();
}

process.exitCode = await main();
