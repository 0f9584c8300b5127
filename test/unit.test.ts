/** Entry of the unit area: one process that runs every spec below test/unit. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./unit/', import.meta.url));
