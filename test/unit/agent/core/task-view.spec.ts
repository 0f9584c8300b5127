/** Aim: the same places with and without a mount view, and working directories that mean the same in both. */
import t from 'tap';
import { toLayout, toTaskFolders } from '../../../../agent/core/layout.ts';
import { toCheckpointFolder, toTaskView, toWorkingDirectory } from '../../../../agent/core/task-view.ts';
import { aTaskKey, jobId } from '../../../kit/builders.ts';

const folders = toTaskFolders(toLayout('/d'), aTaskKey());
const view = (mountView: boolean) =>
  toTaskView({ jobId: jobId('1'), folders, storageFolder: '/d/storage/prj_1', mountView });

t.test('a mount view shows the product’s paths', async (t) => {
  t.match(view(true), {
    workspace: '/workspace',
    artifacts: '/artifacts',
    storage: '/storage',
    run: '/run/nabla',
  });
  t.equal(view(true).checkpoints, '/storage/.nabla/checkpoints/job_1');
});

t.test('without one the host’s own paths stand for them', async (t) => {
  t.equal(view(false).workspace, folders.workspace);
  t.equal(view(false).checkpoints, toCheckpointFolder('/d/storage/prj_1', jobId('1')));
});

t.test('working directories', async (t) => {
  const bare = view(false);
  const cases = [
    ['', folders.workspace],
    ['.', folders.workspace],
    ['src/a', `${folders.workspace}/src/a`],
    ['/workspace/src', `${folders.workspace}/src`],
    ['/paperspace', folders.workspace],
    ['/artifacts', folders.artifacts],
    ['/workspaces', '/workspaces'],
    ['/opt/x', '/opt/x'],
  ] as const;
  for (const [asked, want] of cases) t.equal(toWorkingDirectory(asked, bare), want, asked);
  t.equal(toWorkingDirectory('/workspace/src', view(true)), '/workspace/src');
});
