/** Entry of the e2e area: one process that runs every spec below test/e2e. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./e2e/', import.meta.url));
