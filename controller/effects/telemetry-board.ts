/**
 * The newest telemetry of each host. It is never committed and never queued: a newer report takes the older
 * one's place, so memory is bounded by the number of hosts.
 */
import type { HostId } from '../../proto/domain/ids.ts';
import type { TelemetryReport } from '../../proto/domain/session.ts';

/** A report beyond these is cut, not refused: telemetry must not break a session. */
export const TELEMETRY_GPUS_MAX = 64;
export const TELEMETRY_TASKS_MAX = 1024;
/** Reports of further hosts are dropped. */
export const TELEMETRY_HOSTS_MAX = 20_000;

export interface TelemetryBoard {
  accept(report: TelemetryReport): void;
  find(hostId: HostId): TelemetryReport | undefined;
}

export function createTelemetryBoard(): TelemetryBoard {
  const reports = new Map<HostId, TelemetryReport>();
  return {
    accept(report) {
      if (!reports.has(report.hostId) && reports.size >= TELEMETRY_HOSTS_MAX) return;
      reports.set(report.hostId, {
        ...report,
        gpus: report.gpus.slice(0, TELEMETRY_GPUS_MAX),
        tasks: report.tasks.slice(0, TELEMETRY_TASKS_MAX),
      });
    },
    find: (hostId) => reports.get(hostId),
  };
}
