/**
 * What a host would carry if this cluster had once told it of another history than its log holds now: the cluster's
 * own key over an event of one's choice.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Controller } from '../../controller/controller-options.ts';
import { createHistoryProofs } from '../../controller/effects/agent-link/history-proof.ts';
import { AUTHORITY_FILE } from '../../controller/rpc/tls/tls-material.ts';

export async function proveHistory(
  { caFile, engine }: Controller,
  durableHead: { readonly seq: number; readonly chainHash: string },
): Promise<string> {
  const text = await readFile(join(dirname(caFile), AUTHORITY_FILE), 'utf8');
  const [, keyPem = ''] = /(-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*)$/.exec(text) ?? [];
  const log = { epoch: engine.epoch, durableHead, chainHashAt: async () => undefined };
  return createHistoryProofs(keyPem, log).current(engine.clusterId);
}
