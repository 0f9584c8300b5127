/**
 * Everything that can be set about a controller, in one table.
 */
import { SELF_FENCE_DEFAULT_MS } from '../proto/domain/fencing.ts';
import { LIMITS } from '../proto/domain/limits.ts';
import { CONNECTION_LIMITS } from '../proto/rpc/connection-limits.ts';
import { type ConfigValues, defineConfig } from '../proto/runtime/config.ts';
import { JOBS_MAX } from './core/limits.ts';

const GIB = 1024 ** 3;
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;

const SCHEMA = {
  data: {
    type: 'text',
    default: '',
    flag: 'data',
    env: 'NABLA_DATA',
    doc: 'Data folder; empty means /var/lib/nabla as root, else $XDG_STATE_HOME/nabla. The controller keeps everything in its folder controller',
  },
  grpcAddress: {
    type: 'text',
    default: '127.0.0.1:7350',
    flag: 'grpc',
    env: 'NABLA_GRPC',
    pattern: ADDRESS,
    doc: 'Where the gRPC API listens; port 0 picks a free one',
  },
  httpAddress: {
    type: 'text',
    default: '127.0.0.1:7351',
    flag: 'http',
    env: 'NABLA_HTTP',
    pattern: ADDRESS,
    doc: 'Where the HTTP port for bulk bytes listens; port 0 picks a free one',
  },
  tlsNames: {
    type: 'list',
    default: [],
    countMax: 64,
    flag: 'tls-names',
    env: 'NABLA_TLS_NAMES',
    doc: 'Names and addresses under which clients reach this controller, beside localhost and the own host name',
  },
  allowVolatileStore: {
    type: 'boolean',
    default: false,
    flag: 'allow-volatile-store',
    env: 'NABLA_ALLOW_VOLATILE_STORE',
    doc: 'Permit a data folder in memory (tmpfs), for demos and tests',
  },
  diskSubmitFreeMin: {
    type: 'bytes',
    default: 2 * GIB,
    min: 0,
    max: 1024 * GIB,
    flag: 'disk-submit-free-min',
    env: 'NABLA_DISK_SUBMIT_FREE_MIN',
    doc: 'With less free space on the disk of the data folder (or a tenth of the disk, if that is less) no new jobs or artifacts are taken in',
  },
  diskWriteFreeMin: {
    type: 'bytes',
    default: GIB / 2,
    min: 0,
    max: 1024 * GIB,
    flag: 'disk-write-free-min',
    env: 'NABLA_DISK_WRITE_FREE_MIN',
    doc: 'With less free space on the disk of the data folder nothing is written any more; reading goes on',
  },
  ballastBytes: {
    type: 'bytes',
    default: GIB / 8,
    min: 0,
    max: 16 * GIB,
    flag: 'ballast-bytes',
    env: 'NABLA_BALLAST_BYTES',
    doc: 'Size of the file that is given up so that the store on a full disk opens again; 0 means none',
  },
  workspaceBytesMax: {
    type: 'bytes',
    default: 2 * GIB,
    min: 1024,
    max: LIMITS.workspaceBytes,
    flag: 'workspace-bytes-max',
    env: 'NABLA_WORKSPACE_BYTES_MAX',
    doc: 'Largest workspace archive that may be uploaded',
  },
  artifactBytesMax: {
    type: 'bytes',
    default: 64 * GIB,
    min: 1024,
    max: 1024 * GIB,
    flag: 'artifact-bytes-max',
    env: 'NABLA_ARTIFACT_BYTES_MAX',
    doc: 'Largest single file that a task may leave as an artifact',
  },
  finishedJobsMax: {
    type: 'count',
    default: 0,
    min: 0,
    max: JOBS_MAX,
    flag: 'finished-jobs-max',
    env: 'NABLA_FINISHED_JOBS_MAX',
    doc: 'Finished jobs that are kept; beyond them the oldest are deleted with their logs and artifacts. 0 keeps them all',
  },
  heartbeatPeriod: {
    type: 'duration',
    default: 5_000,
    min: 100,
    max: 14_000,
    flag: 'heartbeat-period',
    env: 'NABLA_HEARTBEAT_PERIOD',
    doc: 'How often agents give a sign of life; less than the 15 s after which a silent host is suspect',
  },
  lostAfter: {
    type: 'duration',
    default: 300_000,
    min: 1_000,
    max: 86_400_000,
    flag: 'lost-after',
    env: 'NABLA_LOST_AFTER',
    doc: 'Silence after which a host is lost: jobs that do not wait for it are replaced or ended once it must have stopped them',
  },
  selfFence: {
    type: 'duration',
    default: SELF_FENCE_DEFAULT_MS,
    min: 1_000,
    max: 86_400_000,
    flag: 'self-fence',
    env: 'NABLA_SELF_FENCE',
    doc: 'Time without contact after which a host stops by itself the tasks that do not wait; at least six heartbeats. Tasks that run keep what they were placed under',
  },
  agentCertificateLife: {
    type: 'duration',
    default: 24 * 60 * 60 * 1000,
    min: 10_000,
    max: 30 * 24 * 60 * 60 * 1000,
    flag: 'agent-certificate-life',
    env: 'NABLA_AGENT_CERTIFICATE_LIFE',
    doc: 'How long a certificate of an agent is good; agents renew theirs after two thirds of it',
  },
  agentCertificateGrace: {
    type: 'duration',
    default: 7 * 24 * 60 * 60 * 1000,
    min: 0,
    max: 30 * 24 * 60 * 60 * 1000,
    flag: 'agent-certificate-grace',
    env: 'NABLA_AGENT_CERTIFICATE_GRACE',
    doc: 'How long after its end an agent may still renew its certificate, and do nothing else with it: what a controller may be down for without hosts having to join anew',
  },
  firstCallWithin: {
    type: 'duration',
    default: CONNECTION_LIMITS.firstCallTimeoutMs,
    min: 1_000,
    max: 600_000,
    flag: 'first-call-within',
    env: 'NABLA_FIRST_CALL_WITHIN',
    doc: 'How long after its TLS handshake a connection has for a first call with a good token or certificate; then it is closed',
  },
  logLevel: {
    type: 'choice',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    flag: 'log-level',
    env: 'NABLA_LOG_LEVEL',
    doc: 'Least important log lines that are written to standard error',
  },
} as const;

export const controllerConfig = defineConfig(SCHEMA);
export type ControllerConfig = ConfigValues<typeof SCHEMA>;
