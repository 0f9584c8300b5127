/**
 * One call of the program: the words, and everything of the outside that it may use.
 */
import type { CommandTree } from './command-tree.ts';
import type { EnvironmentVariables, Terminal } from './terminal.ts';

export interface CommandLine {
  readonly tree: CommandTree;
  readonly argv: readonly string[];
  readonly terminal: Terminal;
  readonly variables: EnvironmentVariables;
  readonly version: string;
}
