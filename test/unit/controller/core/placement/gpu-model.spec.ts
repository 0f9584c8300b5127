/** Aim: people’s short names for GPUs match the driver’s long ones. Method: tables of real names. */
import t from 'tap';
import { matchesGpuModel, shortGpuModel } from '../../../../../controller/core/placement/gpu-model.ts';

const SHORT: readonly (readonly [string, string])[] = [
  ['NVIDIA H100 80GB HBM3', 'H100'],
  ['NVIDIA A100-SXM4-80GB', 'A100'],
  ['Tesla T4', 'T4'],
  ['NVIDIA L40S', 'L40S'],
  ['NVIDIA GeForce RTX 4090', 'RTX4090'],
  ['NVIDIA RTX A6000', 'RTXA6000'],
  ['Quadro RTX 8000', 'RTX8000'],
  ['NVIDIA TITAN V', 'TITANV'],
  ['AMD Instinct MI300X', 'MI300X'],
  ['', 'GPU'],
];
for (const [model, want] of SHORT) t.equal(shortGpuModel(model), want, model);

const MATCHES: readonly (readonly [string, readonly string[], boolean])[] = [
  ['NVIDIA A100-SXM4-80GB', [], true],
  ['NVIDIA A100-SXM4-80GB', ['a100'], true],
  ['NVIDIA A100-SXM4-80GB', ['A100-SXM4'], true],
  ['NVIDIA A100-SXM4-80GB', ['NVIDIA A100-SXM4-80GB'], true],
  ['NVIDIA A100-SXM4-80GB', ['A10'], false],
  ['NVIDIA A100-SXM4-80GB', ['H100', 'A100'], true],
  ['NVIDIA A100-SXM4-80GB', [' '], false],
  ['NVIDIA GeForce RTX 4090', ['rtx4090'], true],
  ['NVIDIA GeForce RTX 4090', ['RTX 4090'], true],
  ['NVIDIA GeForce RTX 4090', ['4090'], true],
  ['NVIDIA GeForce RTX 4090', ['RTX 40'], false],
];
for (const [model, wanted, want] of MATCHES) {
  t.equal(matchesGpuModel(model, wanted), want, `${model} for ${wanted.join(',') || 'anything'}`);
}
