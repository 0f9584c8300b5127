/** Entry of the conformance area: one process that runs every spec below test/conformance. */
import { importSpecs } from './kit/import-specs.ts';

await importSpecs(new URL('./conformance/', import.meta.url));
