/** UsageService: GPU time by project, user, queue and day, out of the ledger and what runs now. */
import { formatDay, parseDay } from '../../../proto/domain/scheduling-views.ts';
import type { UsageService } from '../../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { fromWireGroupings, toWireUsage } from '../../../proto/wire/scheduling-wire.ts';
import { foundProject } from '../../core/found-record.ts';
import { projectRoleOf } from '../../core/identity/access.ts';
import { USAGE_DAYS_KEPT } from '../../core/limits.ts';
import { DAY_MS } from '../../core/policy/usage.ts';
import type { ClusterReader } from '../../core/reader.ts';
import { requireAccess } from '../auth/door.ts';
import { failRequest, optionalReference } from '../request-field.ts';
import type { ServicePorts } from '../service-ports.ts';
import { sumUsage } from '../view/usage-sums.ts';

const DAYS_DEFAULT = 30;
/** Fit into one message. */
const ROWS_MAX = 4_000;

export function createUsageService({ engine, clock }: ServicePorts): ServiceHandlers<typeof UsageService> {
  return {
    getUsage({ project, from, to, by }, { caller }) {
      optionalReference(project, 'project');
      const nowMs = clock.nowMs();
      const lastDay = readDay(to, 'to') ?? Math.floor(nowMs / DAY_MS);
      const firstDay = readDay(from, 'from') ?? lastDay - DAYS_DEFAULT + 1;
      if (firstDay > lastDay) failRequest('from', 'must not be after to');
      if (lastDay - firstDay > USAGE_DAYS_KEPT)
        failRequest('from', `must be at most ${USAGE_DAYS_KEPT} days before to`);
      const groupings = fromWireGroupings(by, 'by');
      return engine.read((view) => {
        const access = requireAccess(view, caller, nowMs);
        const only = project === '' ? undefined : foundProject(view, project).id;
        // The state behind the engine implements the wider reader; what it adds is only read.
        const rows = sumUsage(view as ClusterReader, {
          firstDay,
          lastDay,
          groupings,
          nowMs,
          isShown: (id) =>
            (only === undefined || id === only) && projectRoleOf(view, access, id) !== undefined,
        });
        return {
          rows: rows.slice(0, ROWS_MAX).map(toWireUsage),
          from: formatDay(firstDay),
          to: formatDay(lastDay),
          truncated: rows.length > ROWS_MAX,
        };
      });
    },
  };
}

function readDay(text: string, path: string): number | undefined {
  if (text === '') return undefined;
  return parseDay(text) ?? failRequest(path, 'must be a day such as 2026-01-31');
}
