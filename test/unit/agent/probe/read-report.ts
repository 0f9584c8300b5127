/**
 * The collector's pure part in one step, for tests that have text in hand: document, list and matrix to report.
 */
import { type GpuElement, toGpuElement } from '../../../../agent/probe/gpu-element.ts';
import { parseGpuList } from '../../../../agent/probe/gpu-list.ts';
import { toGpuReport } from '../../../../agent/probe/gpu-report.ts';
import type { GpuReport } from '../../../../agent/probe/probe-port.ts';
import { parseQueryCsv } from '../../../../agent/probe/query-csv.ts';
import { parseSmiDocument } from '../../../../agent/probe/smi-document.ts';
import { parseTopologyMatrix } from '../../../../agent/probe/topology-matrix.ts';
import { parseXmlElement } from '../../../../agent/probe/xml-tree.ts';

export const READ_AT_MS = 1_000;

export interface SmiTexts {
  readonly xml?: string;
  readonly csv?: string;
  readonly list?: string;
  readonly topology?: string;
}

export function readReport(texts: SmiTexts): GpuReport {
  const facts = texts.csv === undefined ? readXml(texts.xml ?? '') : readCsv(texts.csv);
  return toGpuReport({
    ...facts,
    list: texts.list === undefined ? undefined : parseGpuList(texts.list),
    topology: texts.topology === undefined ? undefined : parseTopologyMatrix(texts.topology),
    findings: [],
    nowMs: READ_AT_MS,
  });
}

function readXml(xml: string) {
  const { gpuTexts, droppedGpus, ...document } = parseSmiDocument(xml);
  const elements: GpuElement[] = [];
  for (const text of gpuTexts) {
    const tree = parseXmlElement(text, 'gpu');
    if (tree !== undefined) elements.push(toGpuElement(tree));
  }
  return { ...document, elements, unreadableGpus: gpuTexts.length - elements.length + droppedGpus };
}

function readCsv(csv: string) {
  const answer = parseQueryCsv(csv);
  if (answer === undefined) throw new Error('the text is not an answer to --query-gpu');
  const { unreadableLines, ...rest } = answer;
  return { ...rest, unreadableGpus: unreadableLines, truncated: false };
}

/** Codes of a report's conditions, sorted; of one GPU when given. */
export function codesOf(report: GpuReport, gpuUuid?: string): readonly string[] {
  return report.conditions
    .filter((condition) => gpuUuid === undefined || condition.gpuUuid === gpuUuid)
    .map((condition) => condition.code)
    .sort();
}
