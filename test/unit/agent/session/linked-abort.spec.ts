/** Aim: a short signal follows its parent only while it is linked. */
import t from 'tap';
import { linkAbort } from '../../../../agent/session/linked-abort.ts';

t.test('parent, own and released', async (t) => {
  const parent = new AbortController();
  const [linked, released, own] = [
    linkAbort(parent.signal),
    linkAbort(parent.signal),
    linkAbort(parent.signal),
  ];
  released.release();
  own.abort();
  t.same([linked.signal.aborted, own.signal.aborted, parent.signal.aborted], [false, true, false]);
  parent.abort();
  t.same([linked.signal.aborted, released.signal.aborted], [true, false]);
  t.equal(linkAbort(parent.signal).signal.aborted, true, 'of a parent that fired before');
});
