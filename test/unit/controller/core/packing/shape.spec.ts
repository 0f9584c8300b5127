/**
 * Aim: needs that ask the same are one shape, broken ones are refused. Method: by hand, at the bound and beyond.
 */
import t from 'tap';
import { SHAPES_MAX } from '../../../../../controller/core/packing/packing-limits.ts';
import { ShapeTable } from '../../../../../controller/core/packing/shape.ts';
import { aNeed } from './packing-twin.ts';

t.test('equal needs are one shape', async (t) => {
  const shapes = new ShapeTable();
  const shape = shapes.intern(aNeed({ gpuModels: ['H100'] }));
  t.equal(shapes.intern(aNeed({ gpuModels: ['H100'] })), shape, 'the same object');
  t.not(shapes.intern(aNeed({ gpuModels: ['A100'] })), shape, 'another model is another shape');
  t.not(shapes.intern(aNeed({ gpuModels: ['H100'], exclusive: true })), shape, 'so is an exclusive one');
});

t.test('broken amounts are a fault of the caller', async (t) => {
  const shapes = new ShapeTable();
  const broken = [
    { cpuMilli: -1 },
    { memoryBytes: 0.5 },
    { gpuCount: Number.MAX_SAFE_INTEGER + 1 },
    { gpuMilli: 0 },
    { gpuMilli: 1001 },
    { gpuMilli: 2.5 },
    { gpuCount: 2, gpuMilli: 500 },
  ];
  for (const changes of broken)
    t.throws(() => shapes.intern(aNeed(changes)), { code: 'SHAPE_OUT_OF_RANGE' }, JSON.stringify(changes));
});

t.test('the shape asked for longest ago is forgotten at the bound', async (t) => {
  const shapes = new ShapeTable();
  const first = shapes.intern(aNeed({ cpuMilli: 0 }));
  const second = shapes.intern(aNeed({ cpuMilli: 1 }));
  for (let cpu = 2; cpu < SHAPES_MAX; cpu += 1) shapes.intern(aNeed({ cpuMilli: cpu }));
  t.equal(shapes.intern(aNeed({ cpuMilli: 0 })), first, 'kept at the bound');
  shapes.intern(aNeed({ cpuMilli: SHAPES_MAX }));
  t.equal(shapes.intern(aNeed({ cpuMilli: 0 })), first, 'asked for again, so kept');
  t.not(shapes.intern(aNeed({ cpuMilli: 1 })), second, 'the oldest went');
});
