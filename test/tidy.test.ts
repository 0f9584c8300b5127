/** Entry of the tidy area: one process that runs every spec below test/tidy. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./tidy/', import.meta.url));
