/**
 * What of the proof is done, in a file: pieces that passed on this very code need not run again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../kit/repo-root.ts';

export interface PieceResult {
  readonly lastLine: string;
  readonly seconds: number;
}

interface RecordFile {
  readonly code: string;
  readonly done: Readonly<Record<string, PieceResult>>;
}

export class ProofRecord {
  readonly #file: string;
  readonly #code: string;
  readonly #done: Map<string, PieceResult>;

  /** `again` forgets what was done. */
  constructor(folder: string, code: string, again: boolean) {
    this.#file = path.join(folder, 'proof.json');
    this.#code = code;
    this.#done = again ? new Map() : readDone(this.#file, code);
  }

  find(part: string, piece: string): PieceResult | undefined {
    return this.#done.get(`${part}/${piece}`);
  }

  note(part: string, piece: string, result: PieceResult): void {
    this.#done.set(`${part}/${piece}`, result);
    mkdirSync(path.dirname(this.#file), { recursive: true });
    const content: RecordFile = { code: this.#code, done: Object.fromEntries(this.#done) };
    writeFileSync(`${this.#file}.new`, `${JSON.stringify(content, undefined, 2)}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function readDone(file: string, code: string): Map<string, PieceResult> {
  try {
    const content = JSON.parse(readFileSync(file, 'utf8')) as RecordFile;
    return content.code === code ? new Map(Object.entries(content.done)) : new Map();
  } catch {
    // No file yet, or one cut short: everything runs.
    return new Map();
  }
}

const CODE_FOLDERS = ['proto', 'controller', 'agent', 'cli', 'test'];

/** Digest of everything that is compiled: another code, another proof. */
export function digestCode(root: string = repoRoot): string {
  const hash = createHash('sha256');
  for (const folder of CODE_FOLDERS) {
    const files = readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|mjs|proto)$/.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort();
    for (const file of files) hash.update(path.relative(root, file)).update(readFileSync(file));
  }
  return hash.digest('hex');
}
