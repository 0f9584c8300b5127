/** ExplainService: why jobs wait and what would help, and how full the cluster is. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { ExplainService } from '../../../proto/gen/nabla/v1/explain_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireExplanation, toWireLoad } from '../../../proto/wire/explain-wire.ts';
import { type Answer, askPlanner } from '../../core/explain/ask-planner.ts';
import type { ChangeSearch } from '../../core/explain/change-search.ts';
import { type SharedLoad, sumLoad } from '../../core/explain/cluster-load.ts';
import { explainJob, withChanges } from '../../core/explain/explain-job.ts';
import { sumProjects } from '../../core/explain/project-loads.ts';
import { foundJob } from '../../core/found-record.ts';
import { projectRoleOf } from '../../core/identity/access.ts';
import type { ClusterReader } from '../../core/reader.ts';
import type { ClusterView } from '../../core/view.ts';
import { requireAccess } from '../auth/door.ts';
import type { Pace } from '../explain/question-desk.ts';
import { projectReference, requireReference } from '../request-field.ts';
import type { ServicePorts } from '../service-ports.ts';

/** Many who watch the load cost one sum per second. */
const LOAD_FRESH_MS = 1_000;

export function createExplainService(ports: ServicePorts): ServiceHandlers<typeof ExplainService> {
  const { engine, clock } = ports;
  let shared: SharedLoad | undefined;
  const freshLoad = (view: ClusterView): SharedLoad => {
    const nowMs = clock.nowMs();
    const isFresh = shared !== undefined && nowMs >= shared.atMs && nowMs - shared.atMs < LOAD_FRESH_MS;
    if (!isFresh || shared === undefined) {
      shared = sumLoad({ view, readyHosts: ports.readyHosts(), nowMs });
    }
    return shared;
  };
  return {
    async explainJob(request, context) {
      const project = projectReference(request.project);
      const ref = requireReference(request.job, 'job');
      const { principal } = context.caller;
      const explanation = await ports.questions.ask(principal, context.signal, async (pace) => {
        const { explanation: begun, search } = await engine.read((view) => {
          const input = { view: view as ClusterReader, ...planInputOf(ports) };
          return explainJob(
            ports.askPlanner,
            input,
            foundJob(view, project, ref),
            seesOf(ports, view, context),
          );
        });
        if (search === undefined || request.withoutChanges) return begun;
        await seek(ports, search, pace, begun.jobId);
        return withChanges(begun, search);
      });
      return { explanation: toWireExplanation(explanation) };
    },
    getClusterLoad: (_request, context) =>
      engine.read((view) => {
        const sees = seesProjectOf(ports, view, context);
        return { load: toWireLoad({ ...freshLoad(view), ...sumProjects(view, sees) }) };
      }),
  };
}

/** What a plan is told beside the state. */
export function planInputOf({ readyHosts, clock, rng }: Pick<ServicePorts, 'readyHosts' | 'clock' | 'rng'>) {
  return { readyHosts: readyHosts(), nowMs: clock.nowMs(), seed: rng.integer(2 ** 31) };
}

export function seesOf(
  ports: Pick<ServicePorts, 'clock'>,
  view: ClusterView,
  context: CallContext,
): (job: Job) => boolean {
  const sees = seesProjectOf(ports, view, context);
  return ({ projectId }) => sees(projectId);
}

/** Asked once of each project. */
function seesProjectOf(
  { clock }: Pick<ServicePorts, 'clock'>,
  view: ClusterView,
  { caller }: CallContext,
): (id: ProjectId) => boolean {
  const access = requireAccess(view, caller, clock.nowMs());
  const known = new Map<ProjectId, boolean>();
  return (id) => {
    const seen = known.get(id) ?? projectRoleOf(view, access, id) !== undefined;
    known.set(id, seen);
    return seen;
  };
}

/** One plan at a time on the state of the moment; a job that stopped waiting meanwhile ends the search. */
async function seek(ports: ServicePorts, search: ChangeSearch, pace: Pace, jobId: Job['id']): Promise<void> {
  const questions = search.questions();
  let step = questions.next();
  while (step.done !== true) {
    const asked = step.value;
    if (!(await pace.goOn())) return search.abandon();
    const answer = await ports.engine.read((view): Answer | undefined =>
      view.job(jobId)?.state === 'queued'
        ? askPlanner(ports.askPlanner, { view, ...planInputOf(ports) }, [asked])[0]
        : undefined,
    );
    if (answer === undefined) return search.abandon();
    step = questions.next(answer);
  }
}
