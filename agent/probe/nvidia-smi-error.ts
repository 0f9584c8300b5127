/**
 * What nvidia-smi's ways to end mean: the one translation from exit codes, verdict lines and signals into
 * findings. Stdout is judged before the exit code, because the tool prints good documents beside bad codes and
 * bad news with code 0.
 */
import type { CommandOutcome } from './bounded-command.ts';
import { type ConditionCode, type Finding, quoteForeign } from './probe-condition.ts';

/** Exit codes as in the manual page nvidia-smi(1); 18 is NVML's code for a driver of another version. */
const EXIT_FINDINGS: ReadonlyMap<number, readonly [ConditionCode, string]> = new Map([
  [4, ['NO_PERMISSION', 'nvidia-smi lacks the permission to ask the driver']],
  [6, ['NO_DEVICES', 'the driver finds no GPU']],
  [8, ['POWER_CABLES', 'a GPU lacks external power']],
  [9, ['DRIVER_NOT_LOADED', 'the NVIDIA driver is not loaded']],
  [10, ['INTERRUPT_PROBLEM', 'the kernel has an interrupt problem with a GPU']],
  [12, ['NVML_MISSING', 'the library of the NVIDIA driver is missing']],
  [13, ['NVML_MISSING', 'the library of the NVIDIA driver is too old for nvidia-smi']],
  [14, ['INFOROM_CORRUPTED', 'the infoROM of a GPU is corrupted']],
  [15, ['GPU_LOST', 'a GPU has left the bus']],
  [18, ['DRIVER_MISMATCH', 'the loaded driver and its library are of different versions']],
] as const);

/** Verdict lines that come with code 0, 255 or one that differs by driver. */
const VERDICT_FINDINGS: readonly (readonly [RegExp, ConditionCode, string])[] = [
  [/couldn't communicate with the NVIDIA driver/i, 'DRIVER_NOT_LOADED', 'the NVIDIA driver is not loaded'],
  [
    /driver\/library version mismatch/i,
    'DRIVER_MISMATCH',
    'the loaded driver and its library are of different versions',
  ],
  [/couldn't find libnvidia-ml/i, 'NVML_MISSING', 'the library of the NVIDIA driver is missing'],
  [/no devices were found/i, 'NO_DEVICES', 'the driver finds no GPU'],
  [/unable to determine the device handle|GPU is lost/i, 'GPU_LOST', 'a GPU has left the bus'],
  [/insufficient permissions/i, 'NO_PERMISSION', 'nvidia-smi lacks the permission to ask the driver'],
];

/** Longest part of stdout in which a verdict is looked for. */
const VERDICT_CHARACTERS_MAX = 4096;

/** Why a call gave nothing to read. Always at least one finding; never throws. */
export function failureFindings(outcome: CommandOutcome): readonly Finding[] {
  switch (outcome.end) {
    case 'unstartable':
      return [unstartable(outcome.errorCode ?? '')];
    case 'timeout':
      return [{ code: 'PROBE_TIMEOUT', message: 'nvidia-smi did not answer in time and was killed' }];
    case 'stuck':
    case 'busy':
      return [{ code: 'PROBE_STUCK', message: 'nvidia-smi hangs in the kernel and cannot be killed' }];
    case 'overflow':
      return [{ code: 'PROBE_OUTPUT_TRUNCATED', message: 'nvidia-smi prints more than can be read' }];
    case 'aborted':
      return [{ code: 'PROBE_FAILED', message: 'the look was given up' }];
    case 'exited':
      return [verdict(outcome) ?? unexplained(outcome)];
  }
}

/** What is worth telling about a call whose output was good: warnings on stderr, a code that is not 0. */
export function warningFindings(outcome: CommandOutcome): readonly Finding[] {
  const findings: Finding[] = [];
  if (outcome.end === 'exited' && outcome.exitCode !== 0) {
    const known = EXIT_FINDINGS.get(outcome.exitCode ?? -1);
    findings.push(
      known === undefined
        ? { code: 'PROBE_WARNING', message: `nvidia-smi ended with ${endText(outcome)}` }
        : { code: known[0], message: known[1] },
    );
  }
  if (outcome.end !== 'exited') findings.push(...failureFindings(outcome));
  const warning = quoteForeign(outcome.stderr);
  if (warning !== '') findings.push({ code: 'PROBE_WARNING', message: `nvidia-smi warns: ${warning}` });
  return findings;
}

function unstartable(errorCode: string): Finding {
  if (errorCode === 'ENOENT' || errorCode === 'ENOTDIR') {
    return { code: 'NVIDIA_SMI_MISSING', message: 'nvidia-smi was not found' };
  }
  return { code: 'PROBE_FAILED', message: `nvidia-smi could not be started: ${quoteForeign(errorCode)}` };
}

function verdict(outcome: CommandOutcome): Finding | undefined {
  const text = `${outcome.stdout.slice(0, VERDICT_CHARACTERS_MAX)}\n${outcome.stderr.slice(0, VERDICT_CHARACTERS_MAX)}`;
  for (const [pattern, code, message] of VERDICT_FINDINGS) {
    // A lost GPU is named by its address on the same line: operators need it.
    if (pattern.test(text))
      return { code, message: code === 'GPU_LOST' ? `${message}: ${lineOf(text, pattern)}` : message };
  }
  const known = EXIT_FINDINGS.get(outcome.exitCode ?? -1);
  return known === undefined ? undefined : { code: known[0], message: known[1] };
}

function unexplained(outcome: CommandOutcome): Finding {
  const said = quoteForeign(outcome.stdout.slice(0, VERDICT_CHARACTERS_MAX)) || quoteForeign(outcome.stderr);
  const what = said === '' ? 'and printed nothing' : `and printed: ${said}`;
  return { code: 'PROBE_FAILED', message: `nvidia-smi ended with ${endText(outcome)} ${what}` };
}

function endText(outcome: CommandOutcome): string {
  return outcome.exitCode === undefined ? 'a signal' : `code ${outcome.exitCode}`;
}

function lineOf(text: string, pattern: RegExp): string {
  return quoteForeign(text.split('\n').find((line) => pattern.test(line)) ?? '');
}
