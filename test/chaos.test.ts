/** Entry of the chaos area: one process that runs every spec below test/chaos. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./chaos/', import.meta.url));
