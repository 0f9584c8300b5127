/**
 * `npm run proof [-- PART…] [--again]`: the long counts of simulation, planted bugs, kills, power cuts, byte flips and
 * fuzzing. Finished pieces stand in .cache/proof.json, so that a run that was cut off goes on. Exit 1 when a part
 * failed.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { repoRoot } from '../kit/repo-root.ts';
import { addLines, tapLine } from './last-lines.ts';
import { compiledPath, PROOF_PARTS, type ProofPart, type ProofPiece } from './parts.ts';
import { digestCode, ProofRecord } from './proof-record.ts';

const OUTPUT_CHARACTERS_MAX = 4 * 1024 * 1024;
const LINES_SHOWN_MAX = 40;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function runPiece(piece: ProofPiece): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', compiledPath(piece.program), ...piece.args],
      {
        cwd: repoRoot,
        env: { ...process.env, ...piece.env },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: piece.timeoutMs,
        killSignal: 'SIGKILL',
      },
    );
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
    });
    child.once('error', (error) => resolve({ code: 127, output: String(error) }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Its line, and whether all of it passed. */
async function runPart(part: ProofPart, record: ProofRecord): Promise<boolean> {
  const lines: string[] = [];
  let passed = true;
  let seconds = 0;
  const left = [...part.pieces];
  const lane = async (): Promise<void> => {
    for (let piece = left.shift(); piece !== undefined; piece = left.shift()) {
      const before = record.find(part.name, piece.name);
      const result = before ?? (await measure(part, piece));
      if (result === undefined) {
        passed = false;
        continue;
      }
      if (before === undefined) record.note(part.name, piece.name, result);
      lines.push(result.lastLine);
      seconds += result.seconds;
    }
  };
  await Promise.all(Array.from({ length: part.width }, lane));
  const line = addLines(lines) ?? lines.join('; ');
  const pieces = `${lines.length} of ${part.pieces.length} pieces, ${Math.round(seconds)} s`;
  say(`${part.name}: ${passed ? 'passed' : 'FAILED'} (${pieces})`);
  say(line);
  return passed;
}

/** Undefined when it failed, which was then said. */
async function measure(
  part: ProofPart,
  piece: ProofPiece,
): Promise<{ readonly lastLine: string; readonly seconds: number } | undefined> {
  const beganMs = performance.now();
  const { code, output } = await runPiece(piece);
  const seconds = Math.round((performance.now() - beganMs) / 1_000);
  const lastLine = part.unit === 'tap' ? tapLine(output) : (output.trimEnd().split('\n').at(-1) ?? '');
  if (code === 0 && !(part.unit === 'tap' && lastLine.startsWith('0 passed'))) return { lastLine, seconds };
  say(`${part.name}, ${piece.name}: exit ${code ?? 'by time limit'}`);
  for (const line of output.trimEnd().split('\n').slice(-LINES_SHOWN_MAX)) say(`  ${line}`);
  return undefined;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { again: { type: 'boolean', default: false } },
  });
  const names = PROOF_PARTS.map(({ name }) => name);
  const stranger = positionals.find((name) => !names.includes(name));
  if (stranger !== undefined) {
    say(`unknown part ${stranger}; known: ${names.join(' ')}`);
    return 2;
  }
  const record = new ProofRecord(path.join(repoRoot, '.cache'), digestCode(), values.again);
  const parts = PROOF_PARTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  let failed = 0;
  for (const part of parts) if (!(await runPart(part, record))) failed += 1;
  say(`${parts.length - failed} of ${parts.length} parts passed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
