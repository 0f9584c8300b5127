/** Sums of the usage ledger, and of what runs now, by what the asker wants told apart. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { UsageEntry } from '../../../proto/domain/scheduling.ts';
import { formatDay, type UsageGrouping, type UsageRow } from '../../../proto/domain/scheduling-views.ts';
import { findOpenCharge, toEntries } from '../../core/policy/usage.ts';
import type { ClusterReader } from '../../core/reader.ts';
import type { UsageRange } from '../../core/view.ts';

export interface UsageQuestion extends UsageRange {
  readonly groupings: readonly UsageGrouping[];
  readonly nowMs: number;
}

interface Sum {
  readonly row: Omit<UsageRow, 'gpuMs' | 'attempts'>;
  gpuMs: number;
  /** Thousandths of `gpuMs`, so that sums larger than 2^53 of them stay exact. */
  rest: number;
  attempts: number;
}

/** In order of day, project, user and queue. O(days kept + entries shown + what runs). */
export function sumUsage(view: ClusterReader, question: UsageQuestion): readonly UsageRow[] {
  const sums = new Map<string, Sum>();
  const shown = new Map<ProjectId, boolean>();
  const isShown = (id: ProjectId): boolean => {
    const known = shown.get(id) ?? question.isShown(id);
    shown.set(id, known);
    return known;
  };
  for (const entry of view.scheduling.usage({ ...question, isShown })) add(sums, view, question, entry);
  for (const entry of openEntries(view, question.nowMs)) {
    if (isShown(entry.projectId)) add(sums, view, question, { ...entry, attempts: 0 });
  }
  const keys = [...sums.keys()].sort();
  return keys.map((key) => {
    const { row, gpuMs, attempts } = sums.get(key)!;
    return { ...row, gpuMs, attempts };
  });
}

function* openEntries(view: ClusterReader, nowMs: number): IterableIterator<UsageEntry> {
  for (const host of view.hosts()) {
    for (const { jobId, attempt } of view.use(host.id).tasks) {
      const job = view.job(jobId);
      const isLatest = job?.attempts.length === attempt;
      const charge = job === undefined || !isLatest ? undefined : findOpenCharge(job, nowMs);
      if (charge !== undefined) yield* toEntries(charge);
    }
  }
}

function add(sums: Map<string, Sum>, view: ClusterReader, question: UsageQuestion, entry: UsageEntry): void {
  const { day, projectId, user, queue, gpuMilliMs, attempts } = entry;
  if (day < question.firstDay || day > question.lastDay) return;
  const { groupings } = question;
  const by = (grouping: UsageGrouping): boolean => groupings.includes(grouping);
  const name = view.project(projectId)?.name;
  const row = {
    ...(by('day') ? { day: formatDay(day) } : {}),
    ...(by('project') ? { projectId, ...(name === undefined ? {} : { projectName: name }) } : {}),
    ...(by('user') ? { user } : {}),
    ...(by('queue') ? { queue } : {}),
  };
  const key = JSON.stringify([row.day ?? '', row.projectId ?? '', row.user ?? '', row.queue ?? '']);
  const sum = sums.get(key) ?? { row, gpuMs: 0, rest: 0, attempts: 0 };
  const rest = sum.rest + (gpuMilliMs % 1000);
  sum.gpuMs += Math.floor(gpuMilliMs / 1000) + Math.floor(rest / 1000);
  sum.rest = rest % 1000;
  sum.attempts += attempts;
  sums.set(key, sum);
}
