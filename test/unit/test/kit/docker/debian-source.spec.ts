/**
 * Aim: the mirror for test images is the machine's own. Method: both formats of apt's files, with what makes an
 * entry not count beside what makes it count.
 */
import t from 'tap';
import { findInLines, findInStanzas } from '../../../../kit/docker/debian-source.ts';

t.test('the one-line format', async (t) => {
  const text = [
    '# deb http://old.example/debian bookworm main',
    'deb-src http://src.example/debian bookworm main',
    'deb http://tools.example/apt tools-bookworm main',
    'deb [signed-by=/a/b.gpg arch=amd64] https://deb.example/debian bookworm main contrib',
  ].join('\n');
  t.equal(findInLines(text, 'bookworm'), 'https://deb.example/debian');
  t.equal(findInLines(text, 'trixie'), undefined);
});

t.test('the stanza format', async (t) => {
  const text = `Types: deb
URIs: http://off.example/debian
Suites: bookworm
Enabled: no

Types: deb-src
URIs: http://src.example/debian
Suites: bookworm

Types: deb deb-src
# A comment between fields.
URIs: http://deb.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main`;
  t.equal(findInStanzas(text, 'bookworm'), 'http://deb.example/debian');
  t.equal(findInStanzas(text, 'sid'), undefined);
  t.equal(findInStanzas('', 'bookworm'), undefined);
});
