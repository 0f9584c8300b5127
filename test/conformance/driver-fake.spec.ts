/**
 * Aim: the fake driver keeps the driver contract, so that what is proved with it holds for real ones. Method: the
 * exported suite, each behaviour acted out by a script; drivers of one folder share an engine.
 */
import t from 'tap';
import {
  createFakeDriver,
  createFakeEngine,
  type FakeEngine,
  type FakeScript,
  toFakeArguments,
} from '../../agent/driver/fake/fake-driver.ts';
import { driverContract } from './driver-contract.ts';
import { argv, type Behaviour, testClock } from './driver-setup.ts';

const engines = new Map<string, FakeEngine>();

t.test('fake driver', (tt) =>
  driverContract(tt, {
    name: 'fake',
    image: 'fake:latest',
    real: false,
    toCommand: (behaviour) => argv(...toFakeArguments(toScript(behaviour))),
    async open({ folder, hostId }) {
      const engine = engines.get(folder) ?? createFakeEngine(testClock);
      engines.set(folder, engine);
      return createFakeDriver({ hostId, engine });
    },
  }),
);

function toScript(behaviour: Behaviour): FakeScript {
  const ready = [{ atMs: 0, stream: 'stdout' as const, text: 'ready\n' }];
  switch (behaviour.kind) {
    case 'exit':
      return { runForMs: 1, exitCode: behaviour.code };
    case 'die':
      return { runForMs: 1, signal: behaviour.signal };
    case 'print':
      return {
        runForMs: 1,
        exitCode: behaviour.code,
        output: [
          { atMs: 0, stream: 'stdout', text: behaviour.stdout.replaceAll('\\n', '\n') },
          { atMs: 0, stream: 'stderr', text: behaviour.stderr.replaceAll('\\n', '\n') },
        ],
      };
    case 'run':
      return {};
    case 'tidy':
      return { termCode: behaviour.code, output: ready };
    case 'stubborn':
      return { ignoreTerm: true, output: ready };
    case 'count':
      return {
        runForMs: behaviour.lines / 10,
        output: Array.from({ length: behaviour.lines }, (_, line) => ({
          atMs: Math.floor(line / 10),
          stream: 'stdout',
          text: `line ${line}\n`,
        })),
      };
  }
}
