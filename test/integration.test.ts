/** Entry of the integration area: one process that runs every spec below test/integration. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./integration/', import.meta.url));
