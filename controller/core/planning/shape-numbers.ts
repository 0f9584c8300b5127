/** Needs of jobs by number: what does not fit once in a plan is not tried again for any job that needs the same. */
import type { Job, JobSpec } from '../../../proto/domain/job.ts';
import { type Need, needKeyOf, needOf } from '../placement/need.ts';

/** Beyond it all are numbered anew. */
const NUMBERS_MAX = 16_384;

/** Kept between plans: numbers stay as they are until {@link renew}. */
export class ShapeNumbers {
  readonly needs: Need[] = [];
  /** Of jobs whose models do not matter, by their spec. */
  #known = new WeakMap<JobSpec, number>();
  readonly #numbers = new Map<string, number>();

  /** Call between plans. True: numbers of before count no more. */
  renew(): boolean {
    if (this.needs.length <= NUMBERS_MAX) return false;
    this.needs.length = 0;
    this.#known = new WeakMap();
    this.#numbers.clear();
    return true;
  }

  /** `gpuModel`: of all that would do only this one; empty: any. */
  numberOf({ spec }: Pick<Job, 'spec'>, gpuModel = ''): number {
    if (gpuModel !== '') return this.#number(`${needKeyOf(spec)} on ${gpuModel}`, spec, gpuModel);
    const known = this.#known.get(spec);
    if (known !== undefined) return known;
    const number = this.#number(needKeyOf(spec), spec, '');
    this.#known.set(spec, number);
    return number;
  }

  #number(key: string, spec: JobSpec, gpuModel: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const need = needOf(spec);
    this.needs.push(gpuModel === '' ? need : { ...need, gpuModels: [gpuModel] });
    this.#numbers.set(key, this.needs.length - 1);
    return this.needs.length - 1;
  }
}
