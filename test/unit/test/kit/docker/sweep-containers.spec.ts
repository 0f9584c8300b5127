/**
 * Aim: a sweep takes what killed test runs left, and nothing of anybody who lives or might. Method: host ids of this
 * process, of one that has ended and of strangers, on an engine that is a list.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { claimHost, isGone, ownedHostId, ownerOf } from '../../../../kit/docker/owned-host.ts';
import { sweepContainers } from '../../../../kit/docker/sweep-containers.ts';
import { skipUnless } from '../../../../kit/skips.ts';

const hasProc = existsSync('/proc/self/stat');

const PLACES = { namespace: [9, 16], pid: [16, 21], start: [21, 29] } as const;

/** An id of this process with one part changed. */
function changed(part: keyof typeof PLACES, value: number): string {
  const id = ownedHostId();
  const [from, to] = PLACES[part];
  return id.slice(0, from) + value.toString(36).padStart(to - from, '0') + id.slice(to);
}

t.test('an id bears its process, and one process makes many', async (t) => {
  const id = ownedHostId();
  t.match(id, /^host_[0-9a-z]{6,40}$/, 'a host id that agents and controllers take');
  t.not(id.slice(-9), ownedHostId().slice(-9), 'the end differs, which names containers');
  if (skipUnless(t, hasProc, 'there is no /proc')) return;
  t.equal(ownerOf(id)?.pid, process.pid);
});

t.test('only processes that would be seen are told to be gone', async (t) => {
  if (skipUnless(t, hasProc, 'there is no /proc')) return;
  const { pid } = spawnSync('true');
  const gone = (id: string): boolean => isGone(ownerOf(id)!);
  t.equal(gone(ownedHostId()), false, 'this one lives');
  t.equal(gone(changed('pid', pid)), true, 'it has ended');
  t.equal(gone(changed('start', 1)), true, 'its number has another owner now');
  t.equal(gone(changed('namespace', 1)), false, 'it may live where we cannot look');
});

t.test('a sweep removes what has no owner any more', async (t) => {
  if (skipUnless(t, hasProc, 'there is no /proc')) return;
  const hosts = [
    ownedHostId(),
    changed('start', 1),
    changed('namespace', 1),
    'host_01m84qrmn1',
    'host_test0',
    '',
  ];
  const removed: string[] = [];
  const count = await sweepContainers({
    listContainers: async (label) => hosts.map((host, at) => ({ id: String(at), labels: { [label]: host } })),
    removeContainer: async (id) => void removed.push(id),
  });
  t.same([count, removed], [1, ['1']]);
});

t.test('a host is claimed once', async (t) => {
  const folder = join(t.testdir(), 'agent-0');
  claimHost(folder);
  const first = readFileSync(join(folder, 'host-id'), 'utf8');
  claimHost(folder);
  t.equal(readFileSync(join(folder, 'host-id'), 'utf8'), first);
  t.match(first, /^host_test[0-9a-z]+\n$/);
});
