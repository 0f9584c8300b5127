/**
 * Opens a policy over the hosts: the production engine for ours, the twins of the published ones for the rest.
 */
import { Fleet, type Placement } from '../../../controller/core/packing/fleet.ts';
import type { Shape } from '../../../controller/core/packing/shape.ts';
import { NO_NEED } from '../../../controller/core/packing/shape.ts';
import { givenWorkload, learnedWorkload } from '../../../controller/core/packing/workload.ts';
import { BaselinePlacer } from './baseline-placer.ts';
import type { OpenbHost, Pod } from './openb-lists.ts';
import type { Placer, Policy } from './placer.ts';

const MIB = 1024 * 1024;

export function openPlacer(
  policy: Policy,
  hosts: readonly OpenbHost[],
  pods: readonly Pod[],
  seed: number,
): Placer {
  if (policy === 'nabla' || policy === 'nabla-online') return openFleet(policy, hosts, pods);
  return new BaselinePlacer(policy, hosts, pods, seed);
}

function openFleet(
  policy: 'nabla' | 'nabla-online',
  hosts: readonly OpenbHost[],
  pods: readonly Pod[],
): Placer {
  const types = pods.map((pod) => ({
    cpuMilli: pod.cpuMilli,
    gpuCount: pod.gpuCount,
    gpuMilli: pod.gpuMilli,
    gpuModels: pod.models,
    gpuMemoryBytes: 0,
    weight: 1,
  }));
  const fleet = new Fleet(policy === 'nabla' ? givenWorkload(types) : learnedWorkload());
  for (const host of hosts)
    fleet.addHost({
      id: host.name,
      cpuMilli: host.cpuMilli,
      memoryBytes: host.memoryMib * MIB,
      diskBytes: 0,
      gpus: Array.from({ length: host.gpus }, (_, gpu) => ({
        uuid: `gpu-${gpu}`,
        model: host.model,
        memoryBytes: 0,
        usable: true,
      })),
      labels: {},
      drivers: [],
      open: true,
    });
  const shapes = new Map<Pod, Shape>();
  const shapeOf = (pod: Pod): Shape => {
    const known = shapes.get(pod);
    if (known !== undefined) return known;
    const shape = fleet.intern({
      ...NO_NEED,
      cpuMilli: pod.cpuMilli,
      memoryBytes: pod.memoryMib * MIB,
      gpuCount: pod.gpuCount,
      gpuMilli: pod.gpuMilli,
      gpuModels: pod.models,
    });
    shapes.set(pod, shape);
    return shape;
  };
  return {
    arrive: (pod) => fleet.observe(shapeOf(pod)),
    place: (pod) => fleet.tryPlace(shapeOf(pod)),
    release: (placed) => fleet.release(placed as Placement),
  };
}
