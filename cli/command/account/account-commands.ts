/**
 * Who am I, and how do I reach the controller: login, logout, whoami, version.
 */
import type { CommandSpec } from '../command-tree.ts';

export const VERSION_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['version'],
    summary: 'Print the version of this program',
    examples: ['nabla version'],
    output: 'text',
    local: true,
    async run(context) {
      if (context.format === 'json') await context.print(`${JSON.stringify({ version: context.version })}\n`);
      else await context.print(`${context.version}\n`);
      return 0;
    },
  },
];

export const LOGIN_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['login'],
    summary: 'Check a token with a controller and store both as a profile',
    description:
      'The profile is written to a file that only you may read. The token is asked for on the terminal when no flag or variable gives it.',
    examples: ['nabla login https://gpu.example.com:7350 --token @token.txt --ca-file ca.pem'],
    arguments: [{ name: 'url', doc: 'controller address, e.g. https://gpu.example.com:7350' }],
    fields: [
      {
        name: 'token',
        type: 'text',
        secret: true,
        aliases: ['apiKey'],
        environment: 'NABLA_TOKEN',
        doc: 'access token',
      },
      {
        name: 'caFile',
        type: 'text',
        placeholder: 'FILE',
        environment: 'NABLA_CA_FILE',
        doc: "certificate authority of the controller's TLS certificate (PEM)",
        completes: 'file',
      },
      { name: 'profile', type: 'text', placeholder: 'NAME', default: 'default', doc: 'name of the profile' },
      {
        name: 'project',
        type: 'text',
        aliases: ['projectId'],
        doc: 'project to use when a command names none',
      },
    ],
    output: 'text',
    local: true,
    run: async (context) => (await import('./login.ts')).runLogin(context),
  },
];

export const LOGOUT_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['logout'],
    summary: 'Remove a profile and its token from this machine',
    examples: ['nabla logout', 'nabla logout --profile lab'],
    fields: [
      {
        name: 'profile',
        type: 'text',
        placeholder: 'NAME',
        default: 'the current one',
        doc: 'profile to remove',
        completes: 'profile',
      },
    ],
    output: 'text',
    local: true,
    run: async (context) => (await import('./login.ts')).runLogout(context),
  },
];

export const WHOAMI_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['whoami'],
    summary: 'Show who the controller takes you for, and which controller that is',
    examples: ['nabla whoami', 'nabla whoami -o json'],
    output: 'record',
    run: async (context) => (await import('./whoami.ts')).runWhoAmI(context),
  },
];
