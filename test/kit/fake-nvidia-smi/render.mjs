/**
 * What an nvidia-smi of any driver branch would print for the hosts of a scenario. Written from the description
 * of the formats, not copied from captures. Plain JavaScript, so that the fake needs no build.
 */

/** Which names and places a driver branch uses. */
function dialectOf(driverVersion) {
  const branch = Number(driverVersion.split('.')[0]);
  return {
    dtd: branch >= 580 ? 'v13' : branch >= 525 ? 'v12' : branch >= 450 ? 'v11' : branch >= 410 ? 'v10' : 'v9',
    hasMig: branch >= 450,
    hasRemap: branch >= 450,
    hasReserved: branch >= 510,
    hasFabric: branch >= 525,
    hasJpeg: branch >= 535,
    reasons:
      branch >= 535
        ? ['clocks_event_reasons', 'clocks_event_reason_']
        : ['clocks_throttle_reasons', 'clocks_throttle_reason_'],
    power: branch >= 570 ? 'split' : branch >= 535 ? 'gpu' : 'plain',
    resetStatus: branch >= 535 && branch < 580,
    resetDeprecated: branch >= 570,
    hasRecovery: branch >= 570,
    sramSplit: branch >= 550,
    oldEcc: branch < 410,
  };
}

const tag = (name, value) => `<${name}>${value}</${name}>`;
const block = (name, children) =>
  `<${name}>\n${children.filter((child) => child !== '').join('\n')}\n</${name}>`;
const unit = (value, suffix) => (value === undefined || value === null ? 'N/A' : `${value} ${suffix}`);
const watts = (value) => (value === undefined || value === null ? 'N/A' : `${value.toFixed(2)} W`);
const count = (value) => (value === undefined || value === null ? 'N/A' : String(value));
const yes = (value) => (value === true ? 'Yes' : value === false || value === undefined ? 'No' : value);
const active = (value) => (value === true ? 'Active' : 'Not Active');
const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** The document of `-q -x`. */
export function renderXml(scenario) {
  const dialect = dialectOf(scenario.driverVersion);
  const order = scenario.documentOrder ?? scenario.gpus.map((_, index) => index);
  const gpus = order.map((index) => renderGpu(scenario.gpus[index], index, dialect));
  return [
    '<?xml version="1.0" ?>',
    `<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_${dialect.dtd}.dtd">`,
    '<nvidia_smi_log>',
    tag('timestamp', 'Thu Jan  1 00:00:00 1970'),
    tag('driver_version', scenario.driverVersion),
    dialect.dtd === 'v9' ? '' : tag('cuda_version', '12.8'),
    tag('attached_gpus', scenario.attachedGpus ?? scenario.gpus.length),
    ...gpus,
    '</nvidia_smi_log>',
    '',
  ].join('\n');
}

function renderGpu(gpu, index, dialect) {
  const text = block('gpu', [
    tag('product_name', escaped(gpu.model)),
    tag('product_brand', 'NVIDIA'),
    tag('persistence_mode', gpu.persistence === false ? 'Disabled' : 'Enabled'),
    dialect.hasMig ? renderMig(gpu) : '',
    tag('serial', '00012345678901234567'),
    tag('uuid', gpu.uuid),
    tag('minor_number', gpu.minor ?? index),
    tag('gpu_part_number', '900-00000-0000-000'),
    renderReset(gpu, dialect),
    dialect.hasRecovery ? tag('gpu_recovery_action', gpu.recoveryAction ?? 'None') : '',
    block('pci', [tag('pci_bus', '00'), tag('pci_bus_id', gpu.pciBusId), tag('tx_util', '0 KB/s')]),
    tag('fan_speed', 'N/A'),
    tag('performance_state', 'P0'),
    renderReasons(gpu, dialect),
    block('fb_memory_usage', [
      tag('total', unit(gpu.memoryMiB, 'MiB')),
      dialect.hasReserved ? tag('reserved', '512 MiB') : '',
      tag('used', unit(gpu.usedMiB, 'MiB')),
      tag('free', unit(gpu.memoryMiB === undefined ? undefined : gpu.memoryMiB - (gpu.usedMiB ?? 0), 'MiB')),
    ]),
    block('bar1_memory_usage', [tag('total', '131072 MiB'), tag('used', '1 MiB'), tag('free', '131071 MiB')]),
    block('utilization', [
      tag('gpu_util', gpu.migMode ? 'N/A' : unit(gpu.utilization, '%')),
      tag('memory_util', unit(gpu.migMode ? undefined : 0, '%')),
      tag('encoder_util', '0 %'),
      dialect.hasJpeg ? tag('jpeg_util', '0 %') : '',
    ]),
    block('ecc_mode', [tag('current_ecc', gpu.ecc ?? 'Enabled'), tag('pending_ecc', gpu.ecc ?? 'Enabled')]),
    renderEcc(gpu, dialect),
    block('retired_pages', [
      tag('pending_blacklist', yes(gpu.retirementPending)),
      tag('pending_retirement', yes(gpu.retirementPending)),
    ]),
    dialect.hasRemap ? renderRemap(gpu) : '',
    block('temperature', [
      tag('gpu_temp', unit(gpu.temperature, 'C')),
      ...(gpu.headroom === undefined
        ? [tag('gpu_temp_max_threshold', '96 C'), tag('gpu_temp_slow_threshold', '93 C')]
        : [tag('gpu_temp_tlimit', `${gpu.headroom} C`), tag('gpu_temp_slow_tlimit_threshold', '-2 C')]),
      tag('memory_temp', 'N/A'),
    ]),
    renderPower(gpu, dialect),
    block('clocks', [tag('graphics_clock', '1200 MHz'), tag('mem_clock', '2600 MHz')]),
    dialect.hasFabric ? block('fabric', [tag('state', gpu.fabric ?? 'N/A'), tag('status', 'N/A')]) : '',
    renderClocks(gpu.clockRows ?? 40),
    renderProcesses(gpu.processes ?? []),
    block('accounted_processes', []),
  ]).replace('<gpu>', `<gpu id="${gpu.pciBusId}">`);
  return applyFault(text, gpu.fault);
}

/** A lost GPU keeps who it is and some plausible zeros; the rest says so. All-N/A spares only the identity. */
function applyFault(text, fault) {
  if (fault === undefined) return text;
  const word = { lost: 'GPU is lost', silent: 'N/A', failing: 'Unknown Error', nameless: 'N/A' }[fault];
  const kept = fault === 'nameless' ? /^$/ : /^(?:serial|uuid|pci_bus_id|minor_number)$/;
  const spared = fault === 'lost' ? /^(?:encoder_util|product_name|product_brand)$/ : /^$/;
  return text.replace(/<([a-z_0-9]+)>([^<\n]*)<\/\1>/g, (whole, name) =>
    kept.test(name) || spared.test(name) ? whole : tag(name, word),
  );
}

function renderMig(gpu) {
  const devices = (gpu.mig ?? []).map((slice, index) =>
    block('mig_device', [
      tag('index', slice.index ?? index),
      tag('gpu_instance_id', slice.gpuInstanceId),
      tag('compute_instance_id', slice.computeInstanceId),
      block('device_attributes', [block('shared', [tag('multiprocessor_count', '14')])]),
      block('ecc_error_count', [block('volatile_count', [tag('sram_uncorrectable', '0')])]),
      block('fb_memory_usage', [tag('total', unit(slice.memoryMiB, 'MiB')), tag('used', '12 MiB')]),
    ]),
  );
  const mode = gpu.migMode === true ? 'Enabled' : gpu.migMode === false ? 'Disabled' : 'N/A';
  return [
    block('mig_mode', [tag('current_mig', mode), tag('pending_mig', mode)]),
    devices.length === 0 ? tag('mig_devices', '\n\tNone\n') : block('mig_devices', devices),
  ].join('\n');
}

function renderReset(gpu, dialect) {
  if (!dialect.resetStatus) return '';
  const words = dialect.resetDeprecated
    ? ['Requested functionality has been deprecated', 'Requested functionality has been deprecated']
    : [yes(gpu.resetRequired), yes(gpu.resetRecommended)];
  return block('gpu_reset_status', [
    tag('reset_required', words[0]),
    tag('drain_and_reset_recommended', words[1]),
  ]);
}

function renderReasons(gpu, dialect) {
  const [section, prefix] = dialect.reasons;
  const names = [
    'gpu_idle',
    'sw_power_cap',
    'hw_slowdown',
    'hw_thermal_slowdown',
    'hw_power_brake_slowdown',
    'sw_thermal_slowdown',
  ];
  return block(
    section,
    names.map((name) => tag(prefix + name, active((gpu.clockReasons ?? []).includes(name)))),
  );
}

function renderEcc(gpu, dialect) {
  const sram = gpu.ecc === 'N/A' ? undefined : (gpu.sramUncorrectable ?? 0);
  const dram = gpu.ecc === 'N/A' ? undefined : (gpu.dramUncorrectable ?? 0);
  if (dialect.oldEcc || gpu.oldEcc) {
    const old = (total) =>
      ['device_memory', 'register_file', 'total'].map((name) =>
        tag(name, name === 'total' ? count(total) : 'N/A'),
      );
    return block('ecc_errors', [
      block('volatile', [block('single_bit', old(0)), block('double_bit', old(dram))]),
      block('aggregate', [block('single_bit', old(0)), block('double_bit', old(dram))]),
    ]);
  }
  const sramTags = dialect.sramSplit
    ? [
        tag('sram_uncorrectable_parity', count(sram)),
        tag('sram_uncorrectable_secded', count(sram === undefined ? undefined : 0)),
      ]
    : [tag('sram_uncorrectable', count(sram))];
  const counters = [
    tag('sram_correctable', '0'),
    ...sramTags,
    tag('dram_correctable', '0'),
    tag('dram_uncorrectable', count(dram)),
  ];
  return block('ecc_errors', [
    block('volatile', counters),
    block('aggregate', [...counters, tag('sram_threshold_exceeded', yes(gpu.sramThresholdExceeded))]),
    tag('channel_repair_pending', yes(gpu.repairPending)),
    tag('tpc_repair_pending', 'No'),
  ]);
}

function renderRemap(gpu) {
  if (gpu.noRemapper) return tag('remapped_rows', 'N/A');
  return block('remapped_rows', [
    tag('remapped_row_corr', '0'),
    tag('remapped_row_unc', '0'),
    tag('remapped_row_pending', yes(gpu.remapPending)),
    tag('remapped_row_failure', yes(gpu.remapFailure)),
    block('row_remapper_histogram', [
      tag('row_remapper_histogram_max', '2560 bank(s)'),
      tag('row_remapper_histogram_none', `${gpu.banksWithoutSpares ?? 0} bank(s)`),
    ]),
  ]);
}

function renderPower(gpu, dialect) {
  const none = [tag('average_power_draw', 'N/A'), tag('instant_power_draw', 'N/A')];
  const limit = watts(gpu.powerLimitWatts);
  if (dialect.power === 'plain') {
    return block('power_readings', [
      tag('power_state', 'P0'),
      tag('power_draw', watts(gpu.powerWatts)),
      tag('power_limit', limit),
      tag('enforced_power_limit', limit),
    ]);
  }
  const draw =
    dialect.power === 'gpu'
      ? [tag('power_draw', watts(gpu.powerWatts))]
      : [tag('average_power_draw', 'N/A'), tag('instant_power_draw', watts(gpu.powerWatts))];
  return [
    block('gpu_power_readings', [tag('power_state', 'P0'), ...draw, tag('current_power_limit', limit)]),
    block('gpu_memory_power_readings', none),
    block('module_power_readings', [...none, tag('current_power_limit', '9999.00 W')]),
  ].join('\n');
}

function renderClocks(rows) {
  const values = Array.from({ length: rows }, (_, at) =>
    tag('supported_graphics_clock', `${2000 - at * 15} MHz`),
  );
  return block('supported_clocks', [block('supported_mem_clock', [tag('value', '2600 MHz'), ...values])]);
}

/** Names are printed raw: what a user can put into one is part of what the collector must withstand. */
function renderProcesses(names) {
  return block(
    'processes',
    names.map((name, at) =>
      block('process_info', [
        tag('pid', 1000 + at),
        tag('type', 'C'),
        tag('process_name', name),
        tag('used_memory', '10 MiB'),
      ]),
    ),
  );
}

/** The text of `-L`. */
export function renderList(scenario) {
  const lines = scenario.gpus.flatMap((gpu, index) => [
    `GPU ${index}: ${gpu.model} (UUID: ${gpu.uuid})`,
    ...(gpu.mig ?? []).map(
      (slice, at) =>
        `  MIG ${slice.profile.padEnd(12)} Device ${String(slice.index ?? at).padStart(2)}: (UUID: ${slice.uuid})`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}

/** The matrix of `topo -m`: `scenario.link` is the rank of all pairs, or a function of two indices. */
export function renderTopology(scenario) {
  const gpus = scenario.gpus.map((_, index) => `GPU${index}`);
  const nics = Array.from({ length: scenario.nics ?? 0 }, (_, at) => `NIC${at}`);
  const tails = scenario.oldTopology ? ['CPU Affinity'] : ['CPU Affinity', 'NUMA Affinity', 'GPU NUMA ID'];
  const links = scenario.links ?? {};
  const rank = (a, b) =>
    a === b ? ' X ' : (links[`${Math.min(a, b)}-${Math.max(a, b)}`] ?? scenario.link ?? 'SYS');
  const rows = gpus.map((name, a) =>
    [
      name,
      ...gpus.map((_, b) => rank(a, b)),
      ...nics.map(() => 'NODE'),
      ...(scenario.oldTopology ? ['0-63'] : ['0-63', '0', '', 'N/A']),
    ].join('\t'),
  );
  const header = `\t\u001b[4m${[...gpus, ...nics, ...tails].join('\t')}\u001b[0m`;
  const nicRows = nics.map((name) => [name, ...gpus.map(() => 'NODE'), ...nics.map(() => 'PIX')].join('\t'));
  return [header, ...rows, ...nicRows, '', 'Legend:', '', '  X    = Self', ''].join('\n');
}

/** The answer to `--query-gpu=FIELDS --format=csv`; a refusal text when a field is not known. */
export function renderCsv(scenario, fields) {
  const unknown = fields.find(
    (field) => !(field in CSV_FIELDS) || (scenario.unknownFields ?? []).includes(field),
  );
  if (unknown !== undefined)
    return { exitCode: 2, text: `Field "${unknown}" is not a valid field to query.\n\n` };
  const header = fields.map((field) =>
    CSV_FIELDS[field][1] === '' ? field : `${field} [${CSV_FIELDS[field][1]}]`,
  );
  const rows = scenario.gpus.map((gpu, index) =>
    fields.map((field) =>
      gpu.fault === 'lost' && field !== 'uuid' ? '[GPU is lost]' : CSV_FIELDS[field][0](gpu, index, scenario),
    ),
  );
  return { exitCode: 0, text: `${[header, ...rows].map((row) => row.join(', ')).join('\n')}\n` };
}

const bracketed = (text) => (text === 'N/A' ? '[N/A]' : text);

const CSV_FIELDS = {
  index: [(_, index) => String(index), ''],
  uuid: [(gpu) => gpu.uuid, ''],
  'pci.bus_id': [(gpu) => gpu.pciBusId, ''],
  driver_version: [(_, __, scenario) => scenario.driverVersion, ''],
  count: [(_, __, scenario) => String(scenario.attachedGpus ?? scenario.gpus.length), ''],
  'mig.mode.current': [
    (gpu) => (gpu.migMode === undefined ? '[N/A]' : gpu.migMode ? 'Enabled' : 'Disabled'),
    '',
  ],
  gpu_recovery_action: [(gpu) => gpu.recoveryAction ?? 'None', ''],
  'memory.total': [(gpu) => bracketed(unit(gpu.memoryMiB, 'MiB')), 'MiB'],
  'memory.used': [(gpu) => bracketed(unit(gpu.usedMiB, 'MiB')), 'MiB'],
  'utilization.gpu': [(gpu) => (gpu.migMode ? '[N/A]' : bracketed(unit(gpu.utilization, '%'))), '%'],
  'temperature.gpu': [(gpu) => (gpu.temperature === undefined ? '[N/A]' : String(gpu.temperature)), ''],
  'power.draw': [(gpu) => bracketed(watts(gpu.powerWatts)), 'W'],
  'power.draw.instant': [(gpu) => bracketed(watts(gpu.powerWatts)), 'W'],
  'power.limit': [(gpu) => bracketed(watts(gpu.powerLimitWatts)), 'W'],
  'ecc.errors.uncorrected.volatile.total': [
    (gpu) =>
      gpu.ecc === 'N/A' ? '[N/A]' : String((gpu.sramUncorrectable ?? 0) + (gpu.dramUncorrectable ?? 0)),
    '',
  ],
  name: [(gpu) => gpu.model, ''],
};
