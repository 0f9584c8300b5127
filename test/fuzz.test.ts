/** Entry of the fuzz area: one process that runs every spec below test/fuzz. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./fuzz/', import.meta.url));
