/** Bounds of what one question about the scheduler may cost and of what its answer holds. */

/** Plans made for one question. */
export const PLANS_MAX = 40;
/** Starts after which the plan of a question ends: as many as one plan of the planning loop makes. */
export const ASKED_STARTS_MAX = 256;
/** Elements of an array that a dry run asks about. */
export const ELEMENTS_ASKED_MAX = 256;
/** Names of hosts in one group. */
export const GROUP_NAMES_MAX = 8;
/** Ids of jobs that are named; the others are counted. */
export const JOBS_NAMED_MAX = 16;
/** Jobs before the one asked about that are looked at one by one; beyond it they count as hidden, and nothing is foretold. */
export const AHEAD_SEEN_MAX = 20_000;
/** Values tried one by one of each kind of change: models, queues, constraints, excluded hosts. */
export const CHOICES_MAX = 6;
/** A later start that is sooner by less than this is no improvement worth telling. */
export const SOONER_BY_MS = 60_000;
/** Shapes of need that fragmentation is measured for: those asked for most. */
export const SHAPES_MAX = 16;
/** Waiting jobs whose shapes are counted. */
export const SHAPE_JOBS_MAX = 20_000;
/** Hosts and projects that a view of the load names. */
export const HOSTS_NAMED_MAX = 500;
export const PROJECTS_NAMED_MAX = 500;
