/**
 * Declarations of `nabla jobs artifacts …`.
 */
import type { CommandSpec } from '../command-tree.ts';
import type { Argument, Field } from '../field.ts';
import { PROJECT_FIELD } from '../global-fields.ts';

const JOB: Argument = {
  name: 'job',
  doc: 'job id, an unambiguous beginning of it, or name',
  flags: ['id', 'jobId'],
  completes: 'job',
};
const ATTEMPT: Field = {
  name: 'attempt',
  type: 'integer',
  default: 'the latest',
  doc: 'attempt whose outputs are meant',
};
const FILES: Field = {
  name: 'files',
  type: 'list',
  placeholder: 'GLOB',
  repeatable: true,
  doc: 'only paths that match this pattern',
};

export const ARTIFACT_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['jobs', 'artifacts', 'list'],
    aliases: ['ls'],
    summary: 'List the files that a job wrote to /artifacts',
    examples: ["nabla jobs artifacts list job_1abc --files '*.json'"],
    arguments: [JOB, { name: 'path', doc: 'only this file or folder', optional: true, repeatable: true }],
    fields: [
      FILES,
      ATTEMPT,
      PROJECT_FIELD,
      { name: 'size', type: 'switch', short: 's', hidden: true, doc: 'sizes are always shown' },
    ],
    refused: [
      {
        name: 'links',
        isSwitch: true,
        hint: 'download with nabla jobs artifacts download; the store hands out no public links',
      },
    ],
    output: 'records',
    run: async (context) => (await import('./job-artifacts.ts')).listArtifacts(context),
  },
  {
    path: ['jobs', 'artifacts', 'get'],
    summary: 'Print one file of a job, or a range of it',
    examples: [
      'nabla jobs artifacts get job_1abc metrics.json',
      'nabla jobs artifacts get job_1abc log.bin --range 0-1023',
    ],
    arguments: [JOB, { name: 'path', doc: 'path of the file' }],
    fields: [
      { name: 'range', type: 'text', placeholder: 'FIRST-LAST', doc: 'only these bytes, counted from 0' },
      ATTEMPT,
      PROJECT_FIELD,
    ],
    output: 'text',
    run: async (context) => (await import('./job-artifacts.ts')).getArtifact(context),
  },
  {
    path: ['jobs', 'artifacts', 'download'],
    summary: 'Download files and folders of a job',
    description:
      'Every file is checked against its sha256. Files that are there already are left as they are.',
    examples: [
      'nabla jobs artifacts download job_1abc --destination-dir out',
      'nabla jobs artifacts download job_1abc checkpoints --destination-dir out',
    ],
    arguments: [JOB, { name: 'path', doc: 'only this file or folder', optional: true, repeatable: true }],
    fields: [
      {
        name: 'destinationDir',
        type: 'text',
        placeholder: 'FOLDER',
        default: 'the current folder',
        doc: 'where to put them',
        completes: 'folder',
      },
      FILES,
      ATTEMPT,
      PROJECT_FIELD,
    ],
    output: 'text',
    run: async (context) => (await import('./job-artifacts.ts')).downloadArtifacts(context),
  },
  {
    path: ['jobs', 'artifacts', 'destroy'],
    aliases: ['delete', 'rm'],
    summary: 'Destroy files of a job for good',
    examples: ["nabla jobs artifacts destroy job_1abc --files 'checkpoints/*'"],
    arguments: [JOB],
    fields: [FILES, ATTEMPT, PROJECT_FIELD],
    output: 'text',
    run: async (context) => (await import('./job-artifacts.ts')).destroyArtifacts(context),
  },
];
