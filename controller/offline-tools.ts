/**
 * What `nabla-controller` does beside serving, on a data folder that no controller uses: make one out of a backup,
 * and check one.
 */
import { join, resolve } from 'node:path';
import { BACKUP_OMISSIONS } from '../proto/domain/admin-views.ts';
import { ClusterError } from '../proto/errors/cluster-error.ts';
import { checkFolder } from './store/check-folder.ts';
import type { FsckReport } from './store/fsck-report.ts';
import { restoreBackup } from './store/restore.ts';

const TOOL_NAMES = ['restore', 'fsck'] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

export function isToolName(word: string): word is ToolName {
  return TOOL_NAMES.some((name) => name === word);
}

export interface ToolRequest {
  readonly name: ToolName;
  /** The backup; of restore alone. */
  readonly file: string;
  /** Data folder as the controller is given it with --data. */
  readonly data: string;
  readonly json: boolean;
  readonly nowMs: number;
  readonly print: (line: string) => void;
}

/** Exit code of `fsck` that found something: that of kind corrupt. */
const EXIT_UNSOUND = 70;

/** @throws ClusterError as restore and check do */
export async function runTool(request: ToolRequest): Promise<number> {
  if (request.data === '') {
    throw new ClusterError('invalid', 'FLAG_INVALID', 'no data folder is named', {
      hint: 'give --data FOLDER',
    });
  }
  const folder = join(resolve(request.data), 'controller');
  return request.name === 'restore' ? await restore(request, folder) : await fsck(request, folder);
}

async function restore({ file, nowMs, json, print }: ToolRequest, folder: string): Promise<number> {
  if (file === '') {
    throw new ClusterError('invalid', 'FLAG_INVALID', 'no backup is named', {
      hint: 'give FILE --data FOLDER',
    });
  }
  const report = await restoreBackup({ file: resolve(file), folder, nowMs });
  if (json) {
    print(JSON.stringify({ ...report, folder, notInBackup: BACKUP_OMISSIONS.map(({ name }) => name) }));
    return 0;
  }
  print(`restored ${report.jobs} jobs of ${report.clusterId} into ${folder}`);
  print(`as of ${new Date(report.backupMadeAtMs).toISOString()}, sequence ${report.backupSeq}`);
  print(`goes on under epoch ${report.epoch} at sequence ${report.seq}`);
  print('not in the backup; copy from the old folder, where you have it, before the first start:');
  for (const { name, why } of BACKUP_OMISSIONS) print(`  ${name}: ${why}`);
  return 0;
}

async function fsck({ json, print }: ToolRequest, folder: string): Promise<number> {
  const report = await checkFolder(folder);
  for (const line of json ? [JSON.stringify(report)] : fsckLines(report)) print(line);
  return report.ok ? 0 : EXIT_UNSOUND;
}

function fsckLines(report: FsckReport): readonly string[] {
  const { events, rows, jobs, headSeq, foldedFrom, findings, findingsDropped } = report;
  const fold = foldedFrom === undefined ? 'not compared with records' : `folded from sequence ${foldedFrom}`;
  return [
    `${report.ok ? 'sound' : 'NOT SOUND'}: ${rows} records, ${jobs} jobs, sequence ${headSeq}, epoch ${report.epoch}`,
    `${events} events, ${fold}; ${report.snapshots} snapshots; state ${report.stateHash}`,
    ...findings.map(({ code, message, where, hint }) => `${code} ${where}: ${message}; ${hint}`),
    ...(findingsDropped > 0 ? [`and ${findingsDropped} more`] : []),
  ];
}
