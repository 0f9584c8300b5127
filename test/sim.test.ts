/** Entry of the sim area: one process that runs every spec below test/sim. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./sim/', import.meta.url));
