/**
 * Shell completion: the script that a shell loads, and the hidden command that it asks.
 */
import type { CommandSpec } from '../command-tree.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const COMPLETION_COMMANDS: readonly CommandSpec[] = SHELLS.map((shell) => ({
  path: ['completion', shell],
  summary: `Print the completion script for ${shell}`,
  examples: [
    shell === 'fish'
      ? 'nabla completion fish > ~/.config/fish/completions/nabla.fish'
      : `source <(nabla completion ${shell})`,
  ],
  output: 'text' as const,
  local: true,
  async run(context) {
    const { completionScript } = await import('./completion-scripts.ts');
    await context.print(completionScript(shell));
    return 0;
  },
}));

export const COMPLETE_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['__complete'],
    summary: 'Print the completions of the last word, one per line with a tab and its meaning',
    examples: ['nabla __complete -- jobs sh'],
    trailing: 'words typed so far, the last one being completed',
    hidden: true,
    output: 'text',
    async run(context) {
      const { complete } = await import('./complete-words.ts');
      const found = await complete(context, context.trailing ?? []);
      await context.print(found.map(({ word, doc }) => `${word}\t${doc}\n`).join(''));
      return 0;
    },
  },
];
