/**
 * Aim: whatever bytes a host with a good certificate puts on its control stream, and whatever it says of work that is
 * not its own or that is over, the controller and everybody else go on as if it had not been.
 * Method: raw gRPC frames over HTTP/2 with the certificate of a host; scripted hosts that repeat and claim.
 */
import { connect as connectHttp2 } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { toTaskName } from '../../../proto/domain/ids.ts';
import type { ObservedMessage } from '../../../proto/domain/session.ts';
import { JobState } from '../../../proto/gen/nabla/v1/job_pb.ts';
import { SESSION_LIMITS } from '../../../proto/rpc/limits.ts';
import { anExit, anObservation } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import type { FakeAgent, FakeTask } from '../../kit/fake-agent.ts';
import { createTestRng } from '../../kit/rng.ts';
import { type RunningController, runController } from '../../kit/running-controller.ts';

const DEADLINE_MS = 5_000;
const GARBAGE_STREAMS = 40;
const ENDED = /^(0|3|9|13|cut)$/;
/** invalid, too large, malformed at the transport, not understood, or simply cut. */
const REFUSED = /^(3|8|9|12|13|cut)$/;
/** What is wrong must have had the time to do harm. */
const SETTLE_MS = 300;

/** One message as gRPC frames it: flag, length, bytes. */
function frame(bytes: Uint8Array, said: { readonly flag?: number; readonly length?: number } = {}): Buffer {
  const header = Buffer.alloc(5);
  header[0] = said.flag ?? 0;
  header.writeUInt32BE(said.length ?? bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** Opens a control stream, writes the pieces and ends it; resolves with its status, `cut` when it had none. */
async function speakRaw(t: Test, nabla: RunningController, pieces: readonly Uint8Array[]): Promise<string> {
  const { certPem, keyPem } = await nabla.identities.of('host_raw');
  const session = connectHttp2(`https://${nabla.target.grpcAddress}`, {
    ca: nabla.target.caPem,
    cert: certPem,
    key: keyPem,
  });
  t.teardown(() => session.destroy());
  session.on('error', () => undefined);
  const path = '/nabla.v1.AgentService/Session';
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(headers, { endStream: false });
  let status = 'cut';
  stream.on('error', () => undefined);
  stream.on('response', (received) => {
    status = String(received['grpc-status'] ?? status);
  });
  stream.on('trailers', (received) => {
    status = String(received['grpc-status'] ?? status);
  });
  stream.resume();
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await new Promise<void>((resolve) => {
    stream.setTimeout(DEADLINE_MS, () => stream.close());
    stream.once('close', resolve);
  });
  session.destroy();
  return status;
}

async function isAlive(nabla: RunningController): Promise<boolean> {
  return (await nabla.hosts.listHosts({})).hosts.some(({ name }) => name === 'host-honest');
}

t.test('truncated, oversized and senseless messages end their own stream alone', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ host: 'honest' });
  const huge = SESSION_LIMITS.receiveBytesMax + 1;
  // 0: what breaks off was no message, so the stream merely ended.
  const cases: Readonly<Record<string, { readonly pieces: readonly Uint8Array[]; readonly status: RegExp }>> =
    {
      'a message that breaks off': {
        pieces: [frame(Buffer.from([0x0a, 0x05]), { length: 500 })],
        status: ENDED,
      },
      'half of a header': { pieces: [Buffer.from([0, 0])], status: ENDED },
      'nothing at all': { pieces: [], status: ENDED },
      'a length beyond every limit': {
        pieces: [frame(Buffer.alloc(16), { length: 0xffff_ffff })],
        status: REFUSED,
      },
      'a length just beyond the limit': {
        pieces: [frame(Buffer.alloc(16), { length: huge })],
        status: REFUSED,
      },
      'a field that runs past the end': { pieces: [frame(Buffer.from([0x0a, 0x7f, 0x01]))], status: REFUSED },
      'an unknown kind of message': { pieces: [frame(Buffer.from([0xfa, 0x07, 0x00]))], status: REFUSED },
      'an empty message': { pieces: [frame(Buffer.alloc(0))], status: REFUSED },
      'compression that nobody agreed on': {
        pieces: [frame(Buffer.from([1, 2, 3]), { flag: 1 })],
        status: REFUSED,
      },
    };
  for (const [what, { pieces, status }] of Object.entries(cases)) {
    t.match(await speakRaw(t, nabla, pieces), status, what);
    t.ok(await isAlive(nabla), `${what}: others go on`);
  }
  t.same(nabla.fatal, []);
});

t.test('noise on the stream is answered or cut, and is no fault of ours', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ host: 'honest' });
  const rng = createTestRng('session noise');
  for (let turn = 0; turn < GARBAGE_STREAMS; turn += 1) {
    const bytes = Buffer.from(Array.from({ length: rng.integer(300) }, () => rng.integer(256)));
    const status = await speakRaw(t, nabla, [rng.integer(2) === 0 ? frame(bytes) : bytes]);
    // 2 (unknown) would be an error that nobody thought of.
    t.not(status, '2', `turn ${turn}`);
  }
  t.ok(await isAlive(nabla));
  t.same(nabla.fatal, []);
});

async function submitRunning(nabla: RunningController, agents: readonly FakeAgent[]) {
  const { job } = await nabla.jobs.createJob({
    project: 'default',
    spec: { command: { form: { case: 'shell', value: 'true' } } },
  });
  const id = job?.id ?? '';
  return await eventually(
    () => {
      for (const agent of agents) {
        const task = [...agent.tasks.values()].find(
          ({ key, observation }) => key.jobId === id && observation.phase === 'running',
        );
        if (task !== undefined) return { id, agent, task };
      }
      return undefined;
    },
    { what: 'the task runs' },
  );
}

async function stateOf(nabla: RunningController, job: string) {
  const found = (await nabla.jobs.getJob({ project: 'default', job })).job;
  const attempt = found?.attempts.at(-1);
  return { state: found?.state, attempts: found?.attempts.length, exit: attempt?.exit?.code };
}

function endOf(task: Pick<FakeTask, 'key'>, code: number): ObservedMessage['tasks'][number] {
  const exit = anExit({ code, verdict: code === 0 ? 'none' : 'user-code' });
  return anObservation({ key: task.key, phase: 'exited', exit, stopped: true, logArchived: true });
}

function report(reportSeq: number, tasks: ObservedMessage['tasks'], complete = false): ObservedMessage {
  return { kind: 'observed', reportSeq, revisionApplied: 0, complete, tasks };
}

t.test('a host that reports about work of another changes nothing of it', async (t) => {
  const nabla = await runController(t);
  const agents = [
    await nabla.agent({ host: '1', script: () => ({ untilTold: true }) }),
    await nabla.agent({ host: '2', script: () => ({ untilTold: true }) }),
  ];
  const { id, agent, task } = await submitRunning(nabla, agents);
  const liar = agents.find((other) => other !== agent) as FakeAgent;
  liar.send(report(1_000, [endOf(task, 9)]));
  liar.send(report(1_001, [{ ...endOf(task, 9), key: { ...task.key, attempt: 2 } }]));
  liar.send(report(1_002, [{ ...endOf(task, 9), key: { ...task.key, task: 7 } }], true));
  await pause(SETTLE_MS);
  t.match(await stateOf(nabla, id), { state: JobState.RUNNING, attempts: 1 }, 'it runs on');
  await agent.finish(toTaskName(task.key));
  await eventually(async () => (await stateOf(nabla, id)).state === JobState.SUCCEEDED);
  liar.send(report(1_003, [endOf(task, 9)], true));
  await pause(SETTLE_MS);
  t.match(await stateOf(nabla, id), { state: JobState.SUCCEEDED, exit: 0 }, 'its end stays its end');
  t.same(nabla.fatal, []);
});

t.test('reports that are repeated, or come after the end, count once', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const { id, task } = await submitRunning(nabla, [agent]);
  const running = report(500, [{ ...task.observation, phase: 'running' }]);
  agent.send(running);
  const end = report(501, [endOf(task, 3)]);
  for (let times = 0; times < 3; times += 1) agent.send(end);
  await eventually(async () => (await stateOf(nabla, id)).state === JobState.FAILED);
  agent.send(running);
  agent.send(report(502, [endOf(task, 0)]));
  agent.send(report(400, [endOf(task, 0)]));
  await pause(SETTLE_MS);
  t.match(await stateOf(nabla, id), { state: JobState.FAILED, attempts: 1, exit: 3 });
  t.same(nabla.fatal, []);
});
