/**
 * The door to the YAML library, loaded only when a file or an output format needs it.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { describeYamlFault } from '../../proto/runtime/yaml-fault.ts';
import { escapeHidden, hasHidden } from './safe-text.ts';

/** Largest YAML or JSON file that is read; job files are far smaller. */
export const YAML_BYTES_MAX = 1024 * 1024;

/** Aliases that one file may expand to, so that a small file cannot become a huge value. */
const YAML_ALIASES_MAX = 100;

/**
 * The plain value of a YAML (or JSON) text, in YAML 1.2 core types.
 *
 * @throws ClusterError invalid YAML_INVALID with line and column
 */
export async function parseYaml(text: string, fileName: string): Promise<unknown> {
  const { LineCounter, parse } = await import('yaml');
  const lineCounter = new LineCounter();
  try {
    return parse(text, {
      maxAliasCount: YAML_ALIASES_MAX,
      lineCounter,
      // The library would draw every fault's line, at a cost that grows with the square of a hostile file.
      prettyErrors: false,
      uniqueKeys: true,
      // The library's warnings would go to the terminal as they are, with the file's own characters in them.
      logLevel: 'error',
    }) as unknown;
  } catch (error) {
    const reason = describeYamlFault(error, lineCounter);
    throw new ClusterError('invalid', 'YAML_INVALID', 'the file is not valid YAML', {
      hint: 'correct the place that is named',
      fields: [{ path: fileName, reason }],
      cause: error,
    });
  }
}

/** A value as YAML; texts that hold control or direction characters are quoted and escaped. */
export async function toYaml(value: unknown): Promise<string> {
  const { Document, visit, Scalar } = await import('yaml');
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && hasHidden(node.value)) {
        node.type = Scalar.QUOTE_DOUBLE;
      }
    },
  });
  return escapeHidden(document.toString({ lineWidth: 0 }));
}
