/**
 * Aim: a path of a task leads to the right place on the host. Method: a table with nested and look-alike targets.
 */
import t from 'tap';
import { isBelow, toHostPath } from '../../../../agent/driver/host-path.ts';

const MOUNTS = [
  { source: '/srv/a/', target: '/workspace', readOnly: false },
  { source: '/srv/b', target: '/workspace/data/', readOnly: true },
];

t.test('the longest target wins', async (tt) => {
  const cases: readonly [string, string][] = [
    ['/workspace', '/srv/a'],
    ['/workspace/x', '/srv/a/x'],
    ['/workspace/data', '/srv/b'],
    ['/workspace/data/x', '/srv/b/x'],
    ['/workspace/database', '/srv/a/database'],
    ['/workspaces', '/workspaces'],
    ['/etc', '/etc'],
  ];
  for (const [path, want] of cases) tt.equal(toHostPath(path, MOUNTS), want, path);
});

t.test('a look-alike is not below', async (tt) => {
  tt.equal(isBelow('/a/b', '/a'), true);
  tt.equal(isBelow('/a', '/a'), true);
  tt.equal(isBelow('/ab', '/a'), false);
  tt.equal(isBelow('/x', '/'), true);
});
