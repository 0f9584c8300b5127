/**
 * Aim: hosts of one kind share one layout and one set of traits, whatever order they are told in. Method: by hand.
 */
import t from 'tap';
import {
  areTraitsAllowed,
  HostClasses,
  isKindAllowed,
} from '../../../../../controller/core/packing/host-classes.ts';
import { aNeed } from './packing-twin.ts';

t.test('layouts are multisets of kinds', async (t) => {
  const classes = new HostClasses();
  const a = classes.kindOf({ model: 'A100', memoryBytes: 40 });
  const b = classes.kindOf({ model: 'A100', memoryBytes: 80 });
  t.not(a, b, 'memory tells kinds apart');
  const layout = classes.layoutOf([b, a, b]);
  t.equal(classes.layoutOf([a, b, b]), layout, 'order does not count');
  t.same([...layout.slotKinds], [a, b, b], 'slots of one kind lie together');
  t.same(layout.runs, [0, 1, 3], 'runs and their end');
});

t.test('traits are one however labels are ordered', async (t) => {
  const classes = new HostClasses();
  const traits = classes.traitsOf({ rack: 'a', zone: 'b' }, ['docker', 'process']);
  t.equal(classes.traitsOf({ zone: 'b', rack: 'a' }, ['process', 'docker']), traits, 'the same object');
  t.ok(areTraitsAllowed(traits, aNeed({ constraints: [['rack', 'a']], driver: 'docker' })), 'both hold');
  t.notOk(areTraitsAllowed(traits, aNeed({ constraints: [['rack', 'b']] })), 'another rack');
});

t.test('a kind suits by model and by memory', async (t) => {
  const kind = { model: 'NVIDIA A100-SXM4-80GB', memoryBytes: 80 };
  t.ok(isKindAllowed(kind, { gpuModels: [], gpuMemoryBytes: 80 }), 'any model, enough memory');
  t.ok(isKindAllowed(kind, { gpuModels: ['H100', 'A100'], gpuMemoryBytes: 0 }), 'one of those named');
  t.notOk(isKindAllowed(kind, { gpuModels: ['A10'], gpuMemoryBytes: 0 }), 'A10 is not A100');
  t.notOk(isKindAllowed(kind, { gpuModels: [], gpuMemoryBytes: 81 }), 'too little memory');
});
