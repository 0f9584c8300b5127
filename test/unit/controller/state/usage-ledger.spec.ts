/** Aim: a range of the ledger is what a look at all of it would have kept. Method: fast-check against a filter. */
import fc from 'fast-check';
import t from 'tap';
import { UsageLedger, usageKey } from '../../../../controller/state/usage-ledger.ts';
import type { Principal, ProjectId } from '../../../../proto/domain/ids.ts';
import type { UsageEntry } from '../../../../proto/domain/scheduling.ts';

const entries: fc.Arbitrary<UsageEntry> = fc.record({
  day: fc.integer({ min: 100, max: 110 }),
  projectId: fc.constantFrom('prj_a' as ProjectId, 'prj_b' as ProjectId, 'prj_c' as ProjectId),
  queue: fc.constantFrom('default', 'batch'),
  user: fc.constantFrom('user:a/b' as Principal, 'user:c' as Principal),
  gpuMilliMs: fc.nat(),
  attempts: fc.nat(9),
});
const keysOf = (found: Iterable<UsageEntry>): readonly string[] => [...found].map(usageKey).sort();

void t.test('a range names its days and projects and no others', (t) => {
  fc.assert(
    fc.property(
      fc.array(entries, { maxLength: 60 }),
      fc.integer({ min: 98, max: 112 }),
      fc.nat(8),
      (all, firstDay, more) => {
        const ledger = new UsageLedger();
        for (const entry of all) ledger.put(entry);
        const lastDay = firstDay + more;
        const isShown = (id: ProjectId): boolean => id !== 'prj_b';
        const wanted = [...ledger.all()].filter(
          ({ day, projectId }) => day >= firstDay && day <= lastDay && isShown(projectId),
        );
        return keysOf(ledger.within({ firstDay, lastDay, isShown })).join() === keysOf(wanted).join();
      },
    ),
  );
  t.end();
});

void t.test('every entry is found by its key, and counted once', (t) => {
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 60 }), (all) => {
      const ledger = new UsageLedger();
      const last = new Map<string, UsageEntry>();
      for (const entry of all) {
        ledger.put(entry);
        last.set(usageKey(entry), entry);
      }
      return ledger.size === last.size && [...last].every(([key, entry]) => ledger.get(key) === entry);
    }),
  );
  t.end();
});
