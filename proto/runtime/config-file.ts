/**
 * Reads a YAML or JSON document from disk, bounded. The YAML library is loaded only when there is a file.
 */
import { ClusterError } from '../errors/cluster-error.ts';
import { readTextFile } from './durable-file.ts';
import { describeYamlFault } from './yaml-fault.ts';

/** Largest config, options or spec file. */
export const DOCUMENT_BYTES_MAX = 1024 * 1024;
/** Aliases expand; a "billion laughs" file is refused at this many. */
const ALIAS_COUNT_MAX = 100;

/**
 * The value of a document's text; YAML 1.2, of which JSON is a part.
 *
 * @throws ClusterError invalid DOCUMENT_MALFORMED with line and column.
 */
export async function parseDocument(text: string, name: string): Promise<unknown> {
  const { LineCounter, parse } = await import('yaml');
  const lineCounter = new LineCounter();
  try {
    return parse(text, {
      maxAliasCount: ALIAS_COUNT_MAX,
      lineCounter,
      // The library would draw every fault's line, at a cost that grows with the square of a hostile file.
      prettyErrors: false,
      // Its warnings would go to the terminal as they are, with the file's own characters in them.
      logLevel: 'error',
    }) as unknown;
  } catch (error) {
    const reason = describeYamlFault(error, lineCounter);
    throw new ClusterError('invalid', 'DOCUMENT_MALFORMED', 'the file is not valid YAML or JSON', {
      details: { file: name, reason: reason.slice(0, 300) },
      hint: 'correct the line that is named',
      cause: error,
    });
  }
}

/** The document at `path`, or undefined when there is no such file. */
export async function readDocument(path: string): Promise<unknown> {
  const text = await readTextFile(path, DOCUMENT_BYTES_MAX);
  return text === undefined ? undefined : parseDocument(text, path);
}
