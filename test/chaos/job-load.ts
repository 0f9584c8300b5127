/**
 * A load of submits that goes on while the cluster is shot at. It knows what was acknowledged: a submit that got no
 * answer is repeated with its request id until it has one, as a client does.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import { JobSpecSchema } from '../../proto/gen/nabla/v1/job_pb.ts';
import type { SplittableRng } from '../../proto/runtime/rng.ts';
import type { ClusterClient } from '../kit/cluster-client.ts';
import { markedCommand, readMarkers } from './markers.ts';

/** Submits at once. */
const LANES = 3;
/** Acknowledged and not ended; more wait until some ended. */
const UNFINISHED_MAX = 24;
const RETRY_MS = 50;
/** Kinds of refusal that a client may answer with the same request again. */
const TRANSIENT: readonly string[] = ['unavailable', 'deadline', 'cancelled'];

export interface JobLoad {
  /** Job id → the name it was given. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Submits that were refused or answered with something else. */
  readonly refused: readonly string[];
  /** One short job without a GPU that may not run on these hosts. Resolves with its id; undefined when refused. */
  submitElsewhere(excludeHosts: readonly string[]): Promise<string | undefined>;
  /** As many short jobs as fast as they are taken. Resolves with the last acknowledgement. */
  burst(count: number): Promise<void>;
  /** No more submits; resolves when the last one has its answer. */
  stop(): Promise<void>;
}

export interface JobLoadOptions {
  readonly client: ClusterClient;
  readonly markerFile: string;
  readonly rng: SplittableRng;
  /** Pause between two submits of a lane, at most. */
  readonly pauseMaxMs: number;
}

export function startJobLoad(options: JobLoadOptions): JobLoad {
  const { client, markerFile, rng } = options;
  const acknowledged = new Map<string, string>();
  const refused: string[] = [];
  let next = 0;
  let stopping = false;

  const submit = async (
    seconds: number,
    gpus: number,
    excludeHosts: readonly string[] = [],
  ): Promise<string | undefined> => {
    const name = `chaos-${next++}`;
    const request = {
      project: 'default',
      requestId: randomUUID(),
      spec: create(JobSpecSchema, {
        name,
        command: { form: { case: 'shell', value: markedCommand(markerFile, seconds) } },
        resources: {
          gpuMilli: BigInt(gpus * 1_000),
          cpuMilli: 100n,
          memoryBytes: 16n * 1024n * 1024n,
        },
        graceMs: 10_000n,
        excludeHosts: [...excludeHosts],
      }),
    };
    for (;;) {
      try {
        const { job } = await client.jobs.createJob(request);
        if (job === undefined) refused.push(`${name}: an answer without a job`);
        else if (acknowledged.has(job.id)) refused.push(`${name}: the job of another request`);
        else acknowledged.set(job.id, name);
        return job?.id;
      } catch (error) {
        const { kind, code, message } = toClusterError(error);
        if (!TRANSIENT.includes(kind)) {
          refused.push(`${name}: ${code} ${message}`);
          return undefined;
        }
        await pause(RETRY_MS);
      }
    }
  };

  const lane = async (): Promise<void> => {
    while (!stopping) {
      const ended = (await readMarkers(markerFile)).filter(({ what }) => what === 'end').length;
      if (acknowledged.size - ended < UNFINISHED_MAX) {
        // Most are short; every fifth is at work when something is shot.
        const seconds = rng.integer(5) === 0 ? 2 + rng.integer(4) : rng.integer(3) / 10;
        await submit(seconds, rng.integer(3));
      }
      await pause(rng.integer(options.pauseMaxMs));
    }
  };
  const lanes = Array.from({ length: LANES }, lane);

  return {
    acknowledged,
    refused,
    submitElsewhere: (excludeHosts) => submit(0, 0, excludeHosts),
    async burst(count) {
      let left = count;
      const one = async (): Promise<void> => {
        while (left-- > 0) await submit(0, 0);
      };
      await Promise.all(Array.from({ length: 16 }, one));
    },
    async stop() {
      stopping = true;
      await Promise.all(lanes);
    },
  };
}
