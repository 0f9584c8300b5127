/**
 * The one door to the XML library. Gives plain trees of strings, in the shape that xml2js (and so
 * node-nvidia-smi) gives as well, and the only way to read them: by full path, with every accident of shape
 * (one or many, text or element, absent) taken care of.
 */
import { XMLParser } from 'fast-xml-parser';

export type XmlNode = string | XmlElement | readonly XmlNode[];
export interface XmlElement {
  readonly [name: string]: XmlNode;
}

/**
 * No entities (a DOCTYPE names a DTD that must never be fetched, and expansion is a bomb), and no conversion of
 * values: `00` is a bus, `0x…` a mask, and serial numbers are longer than 2^53.
 */
const parser = new XMLParser({
  ignoreAttributes: false,
  attributesGroupName: '$',
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  trimValues: true,
  maxNestedTags: 24,
});

/**
 * The tree of one element, without its root. Undefined when the text is not one well-formed element called
 * `name`; never throws. Costs time linear in the text.
 */
export function parseXmlElement(text: string, name: string): XmlElement | undefined {
  let document: unknown;
  try {
    document = parser.parse(text, true);
  } catch {
    // The library throws on malformed text; the caller reports that the element could not be read.
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const root = (document as Record<string, unknown>)[name];
  return isElement(root) ? root : undefined;
}

/** True for an element with children, as opposed to text or a list. */
export function isElement(node: unknown): node is XmlElement {
  return typeof node === 'object' && node !== null && !Array.isArray(node);
}

/** The text at `path` (`fb_memory_usage/total`), trimmed. Of several equals the first. Undefined when absent. */
export function textAt(element: XmlElement, path: string): string | undefined {
  const node = nodeAt(element, path);
  if (typeof node === 'string') return decodeEntities(node.trim());
  const inner = isElement(node) && Object.hasOwn(node, '#text') ? node['#text'] : undefined;
  return typeof inner === 'string' ? decodeEntities(inner.trim()) : undefined;
}

/** The element at `path`; undefined when absent or only text (`N/A`). */
export function elementAt(element: XmlElement, path: string): XmlElement | undefined {
  const node = nodeAt(element, path);
  return isElement(node) ? node : undefined;
}

/** All elements at `path`, whether the parser made a list, one element, or the text `None` of them. */
export function elementsAt(element: XmlElement, path: string): readonly XmlElement[] {
  const cut = path.lastIndexOf('/');
  const parent = cut < 0 ? element : elementAt(element, path.slice(0, cut));
  if (parent === undefined) return [];
  const name = path.slice(cut + 1);
  const node = Object.hasOwn(parent, name) ? parent[name] : undefined;
  if (Array.isArray(node)) return node.filter(isElement);
  return isElement(node) ? [node] : [];
}

/** Calls `visit` with the text of every leaf, attributes left out. */
export function forEachText(node: XmlNode, visit: (text: string) => void): void {
  if (typeof node === 'string') visit(node);
  else if (Array.isArray(node)) for (const item of node) forEachText(item, visit);
  else if (isElement(node)) {
    for (const [name, child] of Object.entries(node)) if (name !== '$') forEachText(child, visit);
  }
}

function nodeAt(element: XmlElement, path: string): XmlNode | undefined {
  let node: XmlNode | undefined = element;
  for (const name of path.split('/')) {
    if (!isElement(node) || !Object.hasOwn(node, name)) return undefined;
    node = node[name];
    if (Array.isArray(node)) node = node[0];
  }
  return node;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function decodeEntities(text: string): string {
  return text.includes('&')
    ? text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? '')
    : text;
}
