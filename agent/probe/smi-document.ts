/**
 * Cuts the document of `nvidia-smi -q -x` into one piece per GPU before anything is parsed. So a document that
 * breaks off still yields every GPU that is complete in it, the bulk that nobody reads is dropped cheaply, and
 * parsing can be spread over turns of the event loop.
 */

export interface SmiDocument {
  /** '' when the header did not say. */
  readonly driverVersion: string;
  readonly attachedGpus?: number;
  /** Text of each complete `<gpu …>…</gpu>`, without clocks tables and process lists, in document order. */
  readonly gpuTexts: readonly string[];
  /** The end of the document is missing. */
  readonly truncated: boolean;
  /** Complete elements that were left out because they were too many or too large. */
  readonly droppedGpus: number;
}

/** No host has more; a document that claims so is damaged. */
const GPUS_MAX = 64;
const HEADER_CHARACTERS_MAX = 64 * 1024;
/** One GPU after the cuts is about 10 KiB; with many MIG devices 40 KiB. */
const GPU_CHARACTERS_MAX = 512 * 1024;

/**
 * Elements that are most of the bytes and none of the use. Process lists are cut also because process names are
 * chosen by users: they must not be able to look like markup or like a driver's verdict.
 */
const CUT_ELEMENTS = ['supported_clocks', 'processes', 'accounted_processes'] as const;

/** True when the text holds the beginning of a log document, whatever exit code came with it. */
export function hasSmiDocument(text: string): boolean {
  return text.includes('<nvidia_smi_log');
}

/** Splits the document. Never throws; costs time linear in the text. */
export function parseSmiDocument(text: string): SmiDocument {
  const log = cutBulk(text.slice(Math.max(0, text.indexOf('<nvidia_smi_log'))));
  const firstGpu = findGpuOpening(log, 0);
  const header = log.slice(0, Math.min(HEADER_CHARACTERS_MAX, firstGpu < 0 ? log.length : firstGpu));
  const attached = /<attached_gpus>\s*(\d{1,4})\s*<\/attached_gpus>/.exec(header)?.[1];
  const driver = /<driver_version>\s*([0-9A-Za-z.+_-]{1,32})\s*<\/driver_version>/.exec(header)?.[1];
  return {
    driverVersion: driver ?? '',
    ...(attached === undefined ? {} : { attachedGpus: Number(attached) }),
    ...cutGpus(log, firstGpu),
    truncated: !log.includes('</nvidia_smi_log>'),
  };
}

function cutGpus(text: string, firstGpu: number): Pick<SmiDocument, 'gpuTexts' | 'droppedGpus'> {
  const gpuTexts: string[] = [];
  let droppedGpus = 0;
  let open = firstGpu;
  while (open >= 0) {
    const close = text.indexOf(GPU_CLOSING, open);
    if (close < 0) break;
    const piece = fromLastOpening(text.slice(open, close + GPU_CLOSING.length));
    if (gpuTexts.length < GPUS_MAX && piece.length <= GPU_CHARACTERS_MAX) gpuTexts.push(piece);
    else droppedGpus += 1;
    open = findGpuOpening(text, close);
  }
  return { gpuTexts, droppedGpus };
}

const GPU_CLOSING = '</gpu>';

/** Index of the next `<gpu …>`, not of `<gpu_part_number>`; -1 when there is none. One pass, never back. */
function findGpuOpening(text: string, from: number): number {
  const opening = /<gpu[ >]/g;
  opening.lastIndex = from;
  return opening.exec(text)?.index ?? -1;
}

/** An element that never closes must not swallow its neighbour: a piece begins at its last opening. */
function fromLastOpening(piece: string): string {
  return piece.slice(Math.max(0, piece.lastIndexOf('<gpu '), piece.lastIndexOf('<gpu>')));
}

function cutBulk(text: string): string {
  let rest = text;
  for (const name of CUT_ELEMENTS) rest = cutElements(rest, name);
  return rest;
}

/** Removes every `<name>…</name>`; by index because a regular expression over megabytes of clocks may backtrack. */
function cutElements(text: string, name: string): string {
  const closing = `</${name}>`;
  const kept: string[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf(`<${name}>`, from);
    const close = open < 0 ? -1 : text.indexOf(closing, open);
    if (close < 0) break;
    kept.push(text.slice(from, open));
    from = close + closing.length;
  }
  kept.push(text.slice(from));
  return kept.join('');
}
