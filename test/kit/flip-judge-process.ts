/**
 * A process that judges folders of stores one by one, because a damaged table may end the process that reads it: the
 * database has assertions of its own. Asked and answered by messages; see flip-judge.ts.
 */
import { openEngine } from '../../controller/store/open-engine.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import { secretId } from './builders.ts';
import type { FlipOutcome, FlipQuestion } from './flip-judge.ts';
import { testOptions } from './stores-engine.ts';
import { SECRET_VALUE } from './stores-folder.ts';

/** Opens, checks, and reads the secret: whoever relied on the bytes must hear of it in one of these places. */
async function judgeStore(folder: string, stateHash: string): Promise<FlipOutcome> {
  try {
    const engine = await openEngine(testOptions(folder));
    try {
      const report = await engine.maintenance.fsck();
      if (!report.ok) return { verdict: 'detected', how: report.findings[0]?.code ?? '' };
      if (report.stateHash !== stateHash) return { verdict: 'served wrong', how: 'another state' };
      const id = secretId('1');
      const value = await engine.sealer.open(id, (await engine.sealedSecret(id))!);
      if (Buffer.from(value).toString() === SECRET_VALUE) return { verdict: 'harmless', how: '' };
      return { verdict: 'served wrong', how: 'another secret' };
    } finally {
      await engine.close();
    }
  } catch (error) {
    if (!isClusterError(error))
      return { verdict: 'served wrong', how: `an error of no kind: ${String(error)}` };
    return { verdict: 'detected', how: error.code };
  }
}

process.on('message', ({ folder, stateHash }: FlipQuestion) => {
  void judgeStore(folder, stateHash).then((outcome) => process.send?.(outcome));
});
