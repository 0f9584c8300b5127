/**
 * Aim: the judge of marker files sees a task that starts twice and a GPU that two tasks hold, and nothing else.
 * Method: rows by hand, and files of them.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { judgeMarkers, type Marker, readMarkers } from '../../../chaos/markers.ts';

const mark = (what: Marker['what'], task: string, ...gpus: string[]): Marker => ({ what, task, gpus });

t.test('one after another is fine', async (t) => {
  const verdict = judgeMarkers([
    mark('start', 'a', 'GPU-1'),
    mark('end', 'a', 'GPU-1'),
    mark('start', 'b', 'GPU-1'),
  ]);
  t.same(verdict.doubled, []);
  t.same([...verdict.open], ['b']);
  t.same([...verdict.started], ['a', 'b']);
});

t.test('a second start of one task is seen, ended or not', async (t) => {
  t.equal(judgeMarkers([mark('start', 'a'), mark('start', 'a')]).doubled.length, 1);
  t.equal(judgeMarkers([mark('start', 'a'), mark('end', 'a'), mark('start', 'a')]).doubled.length, 1);
});

t.test('a GPU held by two is seen', async (t) => {
  const both = [mark('start', 'a', 'GPU-1', 'GPU-2'), mark('start', 'b', 'GPU-2')];
  t.same(judgeMarkers(both).doubled, ['GPU-2 held by a and b']);
});

t.test('a line that is still being written counts once it has its end', async (t) => {
  const file = path.join(t.testdir({}), 'markers');
  await writeFile(file, 'start job 1 0 GPU-1\nend job 1 0 GPU-1\nsta');
  t.same(await readMarkers(file), [mark('start', 'job.1.0', 'GPU-1'), mark('end', 'job.1.0', 'GPU-1')]);
  await writeFile(file, 'sta');
  t.same(await readMarkers(file), []);
});
