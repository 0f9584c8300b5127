/**
 * The whole command tree, one line per noun. A noun's declarations load when it is named; what is planned or was
 * known elsewhere is listed too, so that it is refused with a hint instead of guessed at.
 */
import type { CommandTree, Noun, RefusedNoun, RefusedVerb } from './command-tree.ts';

const NOUNS: readonly Noun[] = [
  {
    name: 'demo',
    group: 'local',
    summary: 'Train a real model on a throw-away local cluster and show its accuracy',
    load: async () => (await import('./demo/demo-command.ts')).DEMO_COMMANDS,
  },
  {
    name: 'up',
    group: 'local',
    summary: 'Start a local cluster: one controller and its agents',
    load: async () => (await import('./up/up-command.ts')).UP_COMMANDS,
  },
  {
    name: 'jobs',
    connects: true,
    aliases: ['job'],
    group: 'work',
    summary: 'Run commands and containers on the hosts',
    load: async () => (await import('./jobs/jobs-commands.ts')).JOBS_COMMANDS,
  },
  {
    name: 'projects',
    connects: true,
    aliases: ['project'],
    group: 'work',
    summary: 'Projects own jobs and secrets',
    load: async () => (await import('./projects/projects-commands.ts')).PROJECTS_COMMANDS,
  },
  {
    name: 'secrets',
    connects: true,
    aliases: ['secret'],
    group: 'work',
    summary: 'Sealed values that jobs use by name',
    load: async () => (await import('./secrets/secrets-commands.ts')).SECRETS_COMMANDS,
  },
  {
    name: 'events',
    connects: true,
    group: 'work',
    summary: 'What happened, in order',
    load: async () => (await import('./cluster/events-command.ts')).EVENTS_COMMANDS,
  },
  {
    name: 'why',
    connects: true,
    group: 'work',
    summary: 'Why a job waits, when it is thought to start, and what would start it sooner',
    load: async () => (await import('./explain/explain-commands.ts')).WHY_COMMANDS,
  },
  {
    name: 'top',
    connects: true,
    group: 'cluster',
    summary: 'How full the cluster, its queues and its hosts are, drawn again and again',
    load: async () => (await import('./explain/explain-commands.ts')).TOP_COMMANDS,
  },
  {
    name: 'machine-types',
    connects: true,
    aliases: ['machineTypes', 'machine-type'],
    group: 'cluster',
    summary: 'Named bundles of resources',
    load: async () => (await import('./cluster/machine-types-commands.ts')).MACHINE_TYPES_COMMANDS,
  },
  {
    name: 'hosts',
    connects: true,
    aliases: ['host'],
    group: 'cluster',
    summary: 'Machines that run jobs',
    load: async () => (await import('./cluster/hosts-commands.ts')).HOSTS_COMMANDS,
  },
  {
    name: 'gpus',
    connects: true,
    aliases: ['gpu'],
    group: 'cluster',
    summary: 'GPUs of the hosts, with their load and health',
    load: async () => (await import('./cluster/hosts-commands.ts')).GPUS_COMMANDS,
  },
  {
    name: 'queues',
    connects: true,
    aliases: ['queue'],
    group: 'cluster',
    summary: 'Classes of waiting work, with bands and limits',
    load: async () => (await import('./scheduling/queues-commands.ts')).QUEUES_COMMANDS,
  },
  {
    name: 'quotas',
    connects: true,
    aliases: ['quota'],
    group: 'cluster',
    summary: 'What groups and projects are guaranteed and may use at most',
    load: async () => (await import('./scheduling/quotas-commands.ts')).QUOTAS_COMMANDS,
  },
  {
    name: 'policy',
    connects: true,
    group: 'cluster',
    summary: 'Settings of the scheduler, and how they were',
    load: async () => (await import('./scheduling/policy-commands.ts')).POLICY_COMMANDS,
  },
  {
    name: 'reservations',
    connects: true,
    aliases: ['reservation'],
    group: 'cluster',
    summary: 'Hosts or GPUs set aside for a project and a time',
    load: async () => (await import('./scheduling/reservations-commands.ts')).RESERVATIONS_COMMANDS,
  },
  {
    name: 'usage',
    connects: true,
    group: 'work',
    summary: 'GPU-hours by project, user, queue and day',
    load: async () => (await import('./scheduling/usage-commands.ts')).USAGE_COMMANDS,
  },
  {
    name: 'admin',
    connects: true,
    group: 'cluster',
    summary: 'Status, backup, restore and check of the controller',
    load: async () => (await import('./admin/admin-commands.ts')).ADMIN_COMMANDS,
  },
  {
    name: 'users',
    connects: true,
    aliases: ['user'],
    group: 'cluster',
    summary: 'Who may use the cluster',
    load: async () => (await import('./users/users-commands.ts')).USERS_COMMANDS,
  },
  {
    name: 'tokens',
    connects: true,
    aliases: ['token'],
    group: 'account',
    summary: 'What users show to get in',
    load: async () => (await import('./users/tokens-commands.ts')).TOKENS_COMMANDS,
  },
  {
    name: 'login',
    connects: true,
    group: 'account',
    summary: 'Store how to reach a controller',
    load: async () => (await import('./account/account-commands.ts')).LOGIN_COMMANDS,
  },
  {
    name: 'logout',
    group: 'account',
    summary: 'Forget a stored token',
    load: async () => (await import('./account/account-commands.ts')).LOGOUT_COMMANDS,
  },
  {
    name: 'whoami',
    connects: true,
    group: 'account',
    summary: 'Show who the controller takes you for',
    load: async () => (await import('./account/account-commands.ts')).WHOAMI_COMMANDS,
  },
  {
    name: 'completion',
    group: 'account',
    summary: 'Print a completion script for bash, zsh or fish',
    load: async () => (await import('./completion/completion-commands.ts')).COMPLETION_COMMANDS,
  },
  {
    name: 'schema',
    group: 'account',
    summary: 'Print the JSON Schema of a job file',
    load: async () => (await import('./account/schema-commands.ts')).SCHEMA_COMMANDS,
  },
  {
    name: 'version',
    group: 'account',
    summary: 'Print the version',
    load: async () => (await import('./account/account-commands.ts')).VERSION_COMMANDS,
  },
  {
    name: '__complete',
    connects: true,
    group: 'account',
    hidden: true,
    summary: 'Answers the completion scripts',
    load: async () => (await import('./completion/completion-commands.ts')).COMPLETE_COMMANDS,
  },
];

const LATER = 'this version runs jobs; nabla --help lists what it has';

const REFUSED_NOUNS: readonly RefusedNoun[] = [
  { name: 'run', hint: 'write nabla jobs run' },
  { name: 'logs', hint: 'write nabla jobs logs JOB' },
  { name: 'experiments', hint: 'run single jobs with nabla jobs run' },
  { name: 'hyperparameters', hint: 'run single jobs with nabla jobs run' },
  { name: 'notebooks', hint: 'run a job with --ports and a notebook server in its image' },
  { name: 'tensorboards', hint: 'run tensorboard in a job with --ports' },
  { name: 'datasets', hint: 'put data into the project storage from a job, or into the workspace' },
  { name: 'models', hint: 'write models to artifacts and use nabla jobs artifacts download' },
  { name: 'deployments', hint: 'run a server in a job with --ports' },
  { name: 'storage', hint: 'jobs of a project share /storage; list it from a job' },
  { name: 'storageProviders', hint: 'storage is the project folder that jobs see as /storage' },
  { name: 'images', hint: 'docker import on the host puts an image there' },
  { name: 'audit', hint: 'nabla events shows who did what' },
  {
    name: 'apiKey',
    hint: 'make a token with nabla tokens create NAME; log in with nabla login URL --token @FILE',
  },
  { name: 'clusters', hint: 'a controller is one cluster; machine types are at nabla machine-types list' },
  { name: 'workflows', hint: 'run single jobs with nabla jobs run' },
  { name: 'machines', hint: 'Nabla runs on machines that you own; see nabla hosts list' },
];

const METRICS_HINT = 'write metrics to artifacts; nabla gpus list shows the load of the GPUs';

const REFUSED_VERBS: readonly RefusedVerb[] = [
  { path: ['jobs', 'port-forward'], hint: 'publish ports with --ports; nabla jobs show JOB names them' },
  { path: ['jobs', 'metrics'], hint: METRICS_HINT },
  {
    path: ['jobs', 'clone'],
    hint: 'nabla jobs retry JOB runs the same job again; nabla jobs show JOB -o json names all that it asked for',
  },
  { path: ['jobs', 'diff'], hint: 'compare nabla jobs show JOB -o yaml of both' },
  { path: ['projects', 'sync'], hint: 'use --workspace GIT_URL with --workspace-ref' },
  { path: ['gpus', 'quarantine'], hint: LATER },
  { path: ['gpus', 'release'], hint: LATER },
];

export const COMMAND_TREE: CommandTree = {
  nouns: NOUNS,
  refusedNouns: REFUSED_NOUNS,
  refusedVerbs: REFUSED_VERBS,
};

/** Whole commands of one word. */
const ALONE: ReadonlySet<string> = new Set(['whoami', 'top']);

/**
 * Whether the words will need a connection, by the first of them: a guess that only decides what is loaded early.
 */
export function needsConnection(argv: readonly string[]): boolean {
  if (argv.length < 2 && !ALONE.has(argv[0] ?? '')) return false;
  if (argv.includes('--help') || argv.includes('-h') || argv[0] === 'help') return false;
  const noun = NOUNS.find(
    ({ name, aliases }) => name === argv[0] || aliases?.includes(argv[0] ?? '') === true,
  );
  return noun?.connects === true;
}
