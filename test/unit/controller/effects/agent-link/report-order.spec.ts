/**
 * A complete report that comes late proves no absence.
 */
import t from 'tap';
import { ReportOrder } from '../../../../../controller/effects/agent-link/report-order.ts';

void t.test('reports that come as they were written are taken as they say', (t) => {
  const order = new ReportOrder();
  t.equal(order.take(1, true), 'in-order');
  t.equal(order.take(2, false), 'in-order');
  t.equal(order.take(3, true), 'in-order');
  t.end();
});

void t.test('the same report twice is the same report', (t) => {
  const order = new ReportOrder();
  t.equal(order.take(5, true), 'in-order');
  t.equal(order.take(5, true), 'in-order');
  t.end();
});

void t.test('what a late complete report leaves out may have come since', (t) => {
  const order = new ReportOrder();
  order.take(1, true);
  order.take(2, false);
  t.equal(order.take(1, true), 'late', 'its proof was heard when it was new');
  t.end();
});

void t.test('a late change is late and no more', (t) => {
  const order = new ReportOrder();
  order.take(7, false);
  t.equal(order.take(6, false), 'late');
  t.end();
});

void t.test('a late complete report whose proof nobody heard ends the session', (t) => {
  const order = new ReportOrder();
  order.take(6, false);
  order.take(7, false);
  t.equal(order.take(1, true), 'out-of-order');
  t.end();
});

void t.test('a late complete report is needless once a later complete one was heard', (t) => {
  const order = new ReportOrder();
  order.take(9, true);
  t.equal(order.take(4, true), 'late');
  t.end();
});
