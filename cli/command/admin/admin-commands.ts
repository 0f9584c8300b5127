/**
 * Declarations of `nabla admin …`: what operators do with the cluster as a whole.
 */
import type { CommandSpec } from '../command-tree.ts';
import type { Field } from '../field.ts';

const DATA: Field = {
  name: 'data',
  type: 'text',
  placeholder: 'DIR',
  completes: 'folder',
  doc: 'data folder on this machine that no controller uses',
};

export const ADMIN_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['admin', 'status'],
    summary: 'Show the condition of the controller and its store',
    examples: ['nabla admin status', 'nabla admin status -o json'],
    output: 'record',
    run: async (context) => (await import('./show-status.ts')).showStatus(context),
  },
  {
    path: ['admin', 'version'],
    summary: 'Show the versions of this program, the controller and its store',
    examples: ['nabla admin version'],
    output: 'record',
    run: async (context) => (await import('./show-status.ts')).showVersions(context),
  },
  {
    path: ['admin', 'backup'],
    summary: 'Write everything that the store holds to a file, while it is in use',
    description:
      'A backup holds records and kept events as of one moment. It holds neither the key files that open secrets ' +
      'nor workspaces, artifacts and logs; the answer names what to keep beside it. Erasing a secret destroys its ' +
      'key and thereby what every backup holds of it.',
    examples: ['nabla admin backup nabla-2026-01-31.backup'],
    arguments: [{ name: 'file', doc: 'file to make; must not exist', completes: 'file' }],
    output: 'record',
    run: async (context) => (await import('./take-backup.ts')).takeBackup(context),
  },
  {
    path: ['admin', 'restore'],
    summary: 'Make a new data folder out of a backup',
    description:
      'Works on this machine without a controller. The cluster goes on under a higher epoch; tasks that agents ' +
      'run and the backup does not know are kept, and nothing new starts until the known hosts have answered.',
    examples: ['nabla admin restore nabla-2026-01-31.backup --data /var/lib/nabla-restored'],
    arguments: [{ name: 'file', doc: 'backup to read', completes: 'file' }],
    fields: [{ ...DATA, required: true, doc: 'new data folder to make on this machine' }],
    output: 'text',
    local: true,
    run: async (context) => (await import('./run-store-tool.ts')).runRestore(context),
  },
  {
    path: ['admin', 'fsck'],
    summary: 'Prove that the store is whole and that records are what the events say',
    description:
      'Asks the running controller, or checks a folder with --data. Exits with 70 when it found something.',
    examples: ['nabla admin fsck', 'nabla admin fsck --data /var/lib/nabla'],
    fields: [DATA],
    output: 'record',
    run: async (context) => (await import('./run-store-tool.ts')).runFsck(context),
  },
];
