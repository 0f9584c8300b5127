/**
 * The output formats, apart so that both flags and renderers can name them.
 */

export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml', 'id'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];
