/**
 * Aim: a misspelt program is refused by its name, and the usual one costs no look. Method: a folder of programs that
 * come and go under a simulated clock.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createCommandFinder } from '../../../../agent/driver/command-path.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const asIs = (path: string): string => path;

t.test('a found program is trusted for a while, whatever folder the next task has', async (t) => {
  const bin = t.testdir({ tool: '#!/bin/sh\n' });
  const tool = join(bin, 'tool');
  chmodSync(tool, 0o755);
  const clock = createSimClock();
  const { check } = createCommandFinder(clock);
  const look = (folder: string) => check('tool', { path: `/nowhere:${bin}`, folder, toHost: asIs });
  await look('/task/1');
  rmSync(tool);
  await t.resolves(look('/task/2'), 'not looked at again');
  clock.advance(10_000);
  await t.rejects(look('/task/3'), { code: 'COMMAND_NOT_FOUND' });
});

t.test('folders count where the command is looked for in them', async (t) => {
  const root = t.testdir({ one: { run: '#!/bin/sh\n' }, two: {} });
  chmodSync(join(root, 'one', 'run'), 0o755);
  const { check } = createCommandFinder(createSimClock());
  const look = (program: string, path: string, folder: string) =>
    check(program, { path, folder: join(root, folder), toHost: asIs });
  await t.resolves(look('./run', '/bin', 'one'));
  await t.rejects(look('./run', '/bin', 'two'), { code: 'COMMAND_NOT_FOUND' });
  await t.resolves(look('run', ':/nowhere', 'one'), 'an empty part of PATH is the folder');
  await t.rejects(look('run', ':/nowhere', 'two'), { code: 'COMMAND_NOT_FOUND' });
});

t.test('what is no program is not found', async (t) => {
  const root = t.testdir({ plain: 'text' });
  mkdirSync(join(root, 'folder'));
  writeFileSync(join(root, 'plain'), 'text', { mode: 0o644 });
  const { check } = createCommandFinder(createSimClock());
  for (const program of ['plain', 'folder', 'absent', '']) {
    await t.rejects(check(program, { path: root, folder: root, toHost: asIs }), {
      code: 'COMMAND_NOT_FOUND',
    });
  }
});
