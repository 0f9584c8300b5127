/**
 * The agent's configuration: one schema, from which flags, environment, config file and the reference page
 * are read.
 */
import { hostname } from 'node:os';
import { type ConfigValues, defineConfig } from '../proto/runtime/config.ts';

const MIB = 1024 ** 2;

export const AGENT_CONFIG = defineConfig({
  data: {
    type: 'text',
    default: '',
    flag: 'data',
    env: 'NABLA_AGENT_DATA',
    doc: "Folder of the agent's own state, on a local disk; default /var/lib/nabla/agent as root",
  },
  controller: {
    type: 'text',
    default: '127.0.0.1:7350',
    flag: 'controller',
    env: 'NABLA_CONTROLLER',
    pattern: /^[^\s/]+:\d{1,5}$/,
    doc: "gRPC address of the controller, 'host:port'",
  },
  caFile: {
    type: 'text',
    default: '',
    flag: 'ca-file',
    env: 'NABLA_CA_FILE',
    doc: 'PEM file with the only CA that is trusted for the controller',
  },
  tokenFile: {
    type: 'text',
    default: '',
    flag: 'token-file',
    env: 'NABLA_AGENT_TOKEN_FILE',
    doc: 'File with the agent token, readable by its owner alone',
  },
  serverName: {
    type: 'text',
    default: '',
    flag: 'server-name',
    env: 'NABLA_SERVER_NAME',
    doc: "Name to expect in the controller's certificate, if it is not the host of the address",
  },
  name: {
    type: 'text',
    default: hostname(),
    flag: 'name',
    env: 'NABLA_HOST_NAME',
    charactersMax: 253,
    doc: 'Name of this host as people know it',
  },
  labels: {
    type: 'map',
    default: {},
    flag: 'labels',
    env: 'NABLA_LABELS',
    countMax: 64,
    doc: 'Labels that jobs may ask for',
  },
  driver: {
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'docker', 'process', 'fake'],
    flag: 'driver',
    env: 'NABLA_DRIVER',
    doc: 'What runs tasks; auto takes Docker if its socket answers, and processes in any case',
  },
  dockerSocket: {
    type: 'text',
    default: '/var/run/docker.sock',
    flag: 'docker-socket',
    env: 'NABLA_DOCKER_SOCKET',
    doc: 'Socket of the Docker engine',
  },
  mountView: {
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'none'],
    flag: 'mount-view',
    env: 'NABLA_MOUNT_VIEW',
    doc: 'Whether processes get a file system view of their own by bubblewrap, where it is installed',
  },
  gpuProbe: {
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'nvidia-smi', 'node-nvidia-smi', 'simulated', 'none'],
    flag: 'gpu-probe',
    env: 'NABLA_GPU_PROBE',
    doc: 'How GPUs are found',
  },
  nvidiaSmi: {
    type: 'text',
    default: 'nvidia-smi',
    flag: 'nvidia-smi',
    env: 'NABLA_NVIDIA_SMI',
    doc: 'Name or path of the nvidia-smi program',
  },
  simulatedGpus: {
    type: 'count',
    default: 0,
    min: 0,
    max: 64,
    flag: 'simulated-gpus',
    env: 'NABLA_SIMULATED_GPUS',
    doc: 'Number of simulated GPUs; with the probe auto, also the permission to simulate where there are none',
  },
  portFirst: {
    type: 'count',
    default: 20_000,
    min: 1_024,
    max: 65_535,
    flag: 'port-first',
    env: 'NABLA_PORT_FIRST',
    doc: 'First host port that tasks may be given',
  },
  portLast: {
    type: 'count',
    default: 29_999,
    min: 1_024,
    max: 65_535,
    flag: 'port-last',
    env: 'NABLA_PORT_LAST',
    doc: 'Last host port that tasks may be given',
  },
  diskFreeMin: {
    type: 'bytes',
    default: 256 * MIB,
    min: 0,
    max: 1024 * 1024 * MIB,
    flag: 'disk-free-min',
    env: 'NABLA_AGENT_DISK_FREE_MIN',
    doc: 'With less free space on the disk of the data folder (or a hundredth of the disk, if that is less) this host gets no new jobs; 0 means never',
  },
  gitAllowFile: {
    type: 'boolean',
    default: false,
    flag: 'git-allow-file',
    env: 'NABLA_GIT_ALLOW_FILE',
    doc: 'Whether a workspace may be a file: git URL of this host',
  },
  logLevel: {
    type: 'choice',
    default: 'info',
    choices: ['error', 'warn', 'info', 'debug'],
    flag: 'log-level',
    env: 'NABLA_LOG_LEVEL',
    doc: 'Least important log lines that are written',
  },
});

export type AgentConfig = ConfigValues<typeof AGENT_CONFIG.schema>;
