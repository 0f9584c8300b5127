#!/usr/bin/env node
/**
 * A stand-in for nvidia-smi: prints what the scenario in the file $FAKE_NVIDIA_SMI_SCENARIO describes, and fails
 * in the ways that the real one does. Knows `-q -x`, `-L`, `topo -m` and `--query-gpu=… --format=csv`. It talks to
 * no driver and is only for tests and for machines without GPUs.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { renderCsv, renderList, renderTopology, renderXml } from './render.mjs';

/** What a call is called in `faults`. */
function nameCall(args) {
  const line = args.join(' ');
  if (line === '-q -x' || line === '-x -q') return 'query';
  if (line === '-L') return 'list';
  if (line === 'topo -m') return 'topology';
  return line.startsWith('--query-gpu=') ? 'csv' : 'unknown';
}

function answer(call, scenario, args) {
  switch (call) {
    case 'query':
      return { exitCode: 0, text: renderXml(scenario) };
    case 'list':
      return { exitCode: 0, text: renderList(scenario) };
    case 'topology':
      return { exitCode: 0, text: renderTopology(scenario) };
    case 'csv':
      return renderCsv(scenario, args[0].slice('--query-gpu='.length).split(','));
    default:
      return { exitCode: 2, text: `Invalid combination of input arguments: ${args.join(' ')}\n` };
  }
}

const VERDICTS = {
  6: 'No devices were found\n',
  9: "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n",
  12: "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.\n",
  15: 'Unable to determine the device handle for GPU 0000:9B:00.0: GPU is lost.  Reboot the system to recover this GPU\n',
  18: 'Failed to initialize NVML: Driver/library version mismatch\n',
};

/** Fault of this call: `faults.query`, or `faults.all` for every call. */
async function main() {
  const args = process.argv.slice(2);
  const scenario = JSON.parse(readFileSync(process.env.FAKE_NVIDIA_SMI_SCENARIO, 'utf8'));
  const call = nameCall(args);
  if (scenario.logFile) appendFileSync(scenario.logFile, `${call}\n`);
  if (scenario.pidFile) writeFileSync(scenario.pidFile, String(process.pid));
  const fault = { ...scenario.faults?.all, ...scenario.faults?.[call] };
  if (fault.stderr) process.stderr.write(fault.stderr);
  // Deaf to polite signals, like a tool that waits for its driver.
  if (fault.hang) process.on('SIGTERM', () => {});
  if (fault.hang === 'at-once') return new Promise(() => setInterval(() => {}, 60_000));
  if (fault.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  let { exitCode, text } = answer(call, scenario, args);
  if (fault.exitCode !== undefined) {
    exitCode = fault.exitCode;
    if (!fault.keepOutput) text = VERDICTS[exitCode] ?? '';
  }
  if (fault.empty) text = '';
  if (fault.text !== undefined) text = fault.text;
  if (fault.truncateBytes !== undefined) text = text.slice(0, fault.truncateBytes);
  await write(text);
  if (fault.endlessMiB) await writePadding(fault.endlessMiB);
  if (fault.hang === 'after-output') return new Promise(() => setInterval(() => {}, 60_000));
  // A grandchild that keeps the pipe open after this process is gone.
  if (fault.pipeHolderMs)
    spawn('sleep', [String(fault.pipeHolderMs / 1000)], { stdio: ['ignore', 1, 2] }).unref();
  process.exitCode = exitCode;
}

function write(text) {
  return new Promise((resolve) => process.stdout.write(text, resolve));
}

async function writePadding(mebibytes) {
  const piece = `${' '.repeat(2 ** 20 - 1)}\n`;
  for (let written = 0; written < mebibytes; written += 1) await write(piece);
}

await main();
