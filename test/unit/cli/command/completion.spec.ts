/**
 * Aim: completion offers what the tree holds, and the scripts work in real shells. Method: the hidden command is asked
 * directly; each shell that is installed loads its script against a stand-in that answers like the program.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { completionScript } from '../../../../cli/command/completion/completion-scripts.ts';
import { skipUnless } from '../../../kit/skips.ts';
import { runCli } from '../cli-kit.ts';

async function complete(...words: string[]): Promise<readonly string[]> {
  const { stdout } = await runCli(['__complete', '--', ...words]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');
}

t.test('nouns, verbs, flags, choices and files are offered', async (t) => {
  t.ok((await complete('')).includes('jobs'));
  t.notOk((await complete('')).includes('__complete'));
  t.same(await complete('mach'), ['machine-types']);
  t.same(await complete('jobs', 'ar'), ['artifacts']);
  t.same(await complete('jobs', 'artifacts', 'd'), ['download', 'destroy']);
  t.same(await complete('jobs', 'run', '--gpu'), ['--gpus', '--gpu-model', '--gpu-memory']);
  t.same(await complete('jobs', 'list', '--output', 'j'), ['json']);
  t.same(await complete('jobs', 'list', '-o', 'y'), ['yaml']);
  t.same(await complete('jobs', 'run', '--workspace', ''), [':files']);
  t.same(await complete('jobs', 'run', '--', 'l'), [':files']);
  t.same(await complete('nonsense', 'x'), []);
  t.same(await complete('jobs', 'show', ''), [], 'no controller: nothing, and no error');
});

/** A program that answers `__complete` as the real one does. */
function standIn(t: { teardown(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-shell-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'nabla');
  writeFileSync(
    program,
    '#!/bin/sh\n[ "$1" = __complete ] || exit 1\nshift 2\nfor word; do last=$word; done\ncase "$last" in\nj*) printf "jobs\\tRun: commands\\n";;\n"a b"*) printf "a b\\tspaced\\n";;\nF*) printf ":files\\t\\n";;\n*) printf "jobs\\tRun\\ngpus\\tGPUs\\n";;\nesac\n',
  );
  chmodSync(program, 0o755);
  return folder;
}

function hasShell(name: string): boolean {
  return spawnSync(name, ['-c', 'true']).status === 0;
}

t.test('the bash script completes in bash', async (t) => {
  if (skipUnless(t, hasShell('bash'), 'bash is not installed')) return;
  const folder = standIn(t);
  const run = (words: string, index: number): string =>
    execFileSync(
      'bash',
      [
        '--norc',
        '-c',
        `${completionScript('bash')}\nCOMP_WORDS=(${words}); COMP_CWORD=${index}; _nabla; printf '%s|' "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8', env: { PATH: `${folder}:/usr/bin:/bin` } },
    );
  t.equal(run('nabla j', 1), 'jobs|');
  t.equal(run('nabla ""', 1), 'jobs|gpus|');
  t.equal(run('nabla "a b"', 1), 'a\\ b|', 'words are quoted for the shell');
  t.equal(run('nabla F', 1), '|', 'files are left to the shell');
});

t.test('the zsh script parses in zsh', async (t) => {
  if (skipUnless(t, hasShell('zsh'), 'zsh is not installed')) return;
  const run = spawnSync('zsh', ['-n'], { input: completionScript('zsh'), encoding: 'utf8' });
  t.match(run, { status: 0, stderr: '' });
});

t.test('the fish script completes in fish', async (t) => {
  if (skipUnless(t, hasShell('fish'), 'fish is not installed')) return;
  const folder = standIn(t);
  const script = `${completionScript('fish')}\ncomplete -C 'nabla j'`;
  const out = execFileSync('fish', ['--no-config', '-c', script], {
    encoding: 'utf8',
    env: { PATH: `${folder}:/usr/bin:/bin`, HOME: folder },
  });
  t.match(out, /jobs\tRun: commands/);
});
