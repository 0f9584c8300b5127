/**
 * What one GPU's element says about its health, as findings. Thresholds and classes follow the practice of
 * operators of large fleets; the table in probe-condition.ts says which findings stop new work.
 */
import { parseCelsius, parseCount, parseText, saysLost, saysUnknownError, saysYes } from './field-value.ts';
import { ECC_DRAM_PATHS, ECC_SRAM_PATHS, sumCounts } from './gpu-readings.ts';
import { type ConditionCode, type Finding, quoteForeign } from './probe-condition.ts';
import { forEachText, textAt, type XmlElement } from './xml-tree.ts';

/** So many failed readings at once mean that the GPU does not answer, not that one sensor is missing. */
const FAILED_READINGS_MIN = 3;

/** Every finding about one GPU, in a stable order. Never throws. */
export function healthFindings(gpu: XmlElement): readonly Finding[] {
  if (isLost(gpu)) return [{ code: 'GPU_LOST', message: 'the GPU has left the bus' }];
  return [
    ...readabilityFindings(gpu),
    ...recoveryFindings(gpu),
    ...memoryFindings(gpu),
    ...clockFindings(gpu),
    ...settingFindings(gpu),
  ];
}

/** True when any field carries the driver's words for a GPU that left the bus; identity fields survive that. */
export function isLost(gpu: XmlElement): boolean {
  let lost = false;
  forEachText(gpu, (text) => {
    lost ||= saysLost(text);
  });
  return lost;
}

function readabilityFindings(gpu: XmlElement): readonly Finding[] {
  let failed = 0;
  forEachText(gpu, (text) => {
    failed += saysUnknownError(text) ? 1 : 0;
  });
  if (failed < FAILED_READINGS_MIN) return [];
  return [{ code: 'GPU_UNREADABLE', message: `the driver fails to read ${failed} fields of the GPU` }];
}

function recoveryFindings(gpu: XmlElement): readonly Finding[] {
  const findings: Finding[] = [];
  const action = parseText(textAt(gpu, 'gpu_recovery_action'));
  if (action !== undefined) {
    findings.push({
      code: 'RECOVERY_ACTION',
      message: `the driver asks for recovery: ${quoteForeign(action)}`,
    });
  }
  // Branches 535 to 555 say it here; later ones print a text about deprecation, which is not a yes.
  if (saysYes(textAt(gpu, 'gpu_reset_status/reset_required'))) {
    findings.push({ code: 'RECOVERY_ACTION', message: 'the driver asks for a reset of the GPU' });
  }
  if (saysYes(textAt(gpu, 'gpu_reset_status/drain_and_reset_recommended'))) {
    findings.push({ code: 'RESET_RECOMMENDED', message: 'the driver recommends to drain and reset the GPU' });
  }
  return findings;
}

/** Yes-or-no signals: path, code and sentence. */
const MEMORY_FLAGS: readonly (readonly [string, ConditionCode, string])[] = [
  ['remapped_rows/remapped_row_failure', 'ROW_REMAP_FAILED', 'a faulty memory row could not be remapped'],
  ['remapped_rows/remapped_row_pending', 'ROW_REMAP_PENDING', 'a memory row is remapped at the next reset'],
  [
    'retired_pages/pending_retirement',
    'PAGE_RETIREMENT_PENDING',
    'a memory page is retired at the next reset',
  ],
  [
    'retired_pages/pending_blacklist',
    'PAGE_RETIREMENT_PENDING',
    'a memory page is retired at the next reset',
  ],
  [
    'ecc_errors/aggregate/sram_threshold_exceeded',
    'SRAM_THRESHOLD_EXCEEDED',
    'too many SRAM errors over its life',
  ],
  ['ecc_errors/channel_repair_pending', 'REPAIR_PENDING', 'a memory channel is repaired at the next reset'],
  ['ecc_errors/tpc_repair_pending', 'REPAIR_PENDING', 'a compute unit is repaired at the next reset'],
];

function memoryFindings(gpu: XmlElement): readonly Finding[] {
  const findings: Finding[] = [];
  const sram = sumCounts(gpu, ECC_SRAM_PATHS) ?? 0;
  const dram = sumCounts(gpu, ECC_DRAM_PATHS) ?? 0;
  if (sram > 0)
    findings.push({
      code: 'ECC_UNCORRECTABLE',
      message: `${sram} uncorrectable SRAM errors since the driver was loaded`,
    });
  // Contained by row remapping on current boards, so a warning; the remap itself is what drains.
  if (dram > 0)
    findings.push({
      code: 'ECC_UNCORRECTABLE_DRAM',
      message: `${dram} uncorrectable memory errors since the driver was loaded`,
    });
  for (const [path, code, message] of MEMORY_FLAGS) {
    if (saysYes(textAt(gpu, path)) && !findings.some((finding) => finding.message === message)) {
      findings.push({ code, message });
    }
  }
  const spent = parseCount(textAt(gpu, 'remapped_rows/row_remapper_histogram/row_remapper_histogram_none'));
  if (spent !== undefined && spent > 0) {
    findings.push({ code: 'SPARE_ROWS_EXHAUSTED', message: `${spent} memory banks have no spare rows left` });
  }
  return findings;
}

const CLOCK_REASONS: readonly (readonly [string, ConditionCode, string])[] = [
  ['hw_thermal_slowdown', 'HW_THERMAL_SLOWDOWN', 'the hardware slows the GPU down because it is too hot'],
  ['hw_power_brake_slowdown', 'HW_POWER_BRAKE', 'the power supply brakes the GPU'],
  ['sw_thermal_slowdown', 'SW_THERMAL_SLOWDOWN', 'the driver slows the GPU down because it is too hot'],
];

function clockFindings(gpu: XmlElement): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [name, code, message] of CLOCK_REASONS) {
    if (clockReason(gpu, name)) findings.push({ code, message });
  }
  // The general flag says something only when none of its causes is named.
  if (clockReason(gpu, 'hw_slowdown') && findings.length === 0) {
    findings.push({ code: 'HW_SLOWDOWN', message: 'the hardware slows the GPU down' });
  }
  if (isTooHot(gpu))
    findings.push({ code: 'TEMPERATURE_HIGH', message: 'the GPU is at its slowdown temperature' });
  return findings;
}

/** `clocks_event_reasons` from branch 535 on, `clocks_throttle_reasons` before, with names that follow. */
function clockReason(gpu: XmlElement, name: string): boolean {
  return (
    saysYes(textAt(gpu, `clocks_event_reasons/clocks_event_reason_${name}`)) ||
    saysYes(textAt(gpu, `clocks_throttle_reasons/clocks_throttle_reason_${name}`))
  );
}

/** Two dialects on the same DTD, by board: absolute thresholds, or headroom that shrinks towards a limit. */
function isTooHot(gpu: XmlElement): boolean {
  const absolute = parseCelsius(textAt(gpu, 'temperature/gpu_temp'));
  const slowAt = parseCelsius(textAt(gpu, 'temperature/gpu_temp_slow_threshold'));
  if (absolute !== undefined && slowAt !== undefined) return absolute >= slowAt;
  const headroom = parseCelsius(textAt(gpu, 'temperature/gpu_temp_tlimit'));
  const slowBelow = parseCelsius(textAt(gpu, 'temperature/gpu_temp_slow_tlimit_threshold'));
  return headroom !== undefined && slowBelow !== undefined && headroom <= slowBelow;
}

function settingFindings(gpu: XmlElement): readonly Finding[] {
  const findings: Finding[] = [];
  if (/^disabled$/i.test(textAt(gpu, 'ecc_mode/current_ecc') ?? '')) {
    findings.push({ code: 'ECC_DISABLED', message: 'error correction is switched off' });
  }
  if (/^disabled$/i.test(textAt(gpu, 'persistence_mode') ?? '')) {
    findings.push({
      code: 'PERSISTENCE_MODE_OFF',
      message: 'persistence mode is off, so every first use is slow',
    });
  }
  const fabric = parseText(textAt(gpu, 'fabric/state'));
  if (fabric !== undefined && !/^completed$/i.test(fabric)) {
    findings.push({
      code: 'FABRIC_NOT_READY',
      message: `the NVLink fabric is not ready: ${quoteForeign(fabric)}`,
    });
  }
  return findings;
}
