/** Aim: git never sees a URL or ref that it could take for something else, and never tells its own words. */
import t from 'tap';
import { toGitError } from '../../../../agent/storage/git-error.ts';
import { judgeGitSource } from '../../../../agent/storage/git-workspace.ts';

const judge = (url: string, ref = '', allowFile = false) => judgeGitSource({ url, ref }, { allowFile });

t.test('allowed sources', async (t) => {
  for (const url of ['https://git.example/a/b.git', 'ssh://git@git.example/a', 'git@git.example:a/b.git']) {
    t.doesNotThrow(() => judge(url), url);
  }
  for (const ref of ['', 'main', 'feature/x-1', 'v1.2.3', 'a'.repeat(40), 'HEAD']) {
    t.doesNotThrow(() => judge('https://git.example/a', ref), ref);
  }
  t.doesNotThrow(() => judge('file:///srv/git/a', '', true));
});

t.test('refused sources', async (t) => {
  const urls = [
    '',
    'file:///etc',
    '/etc',
    'http://git.example/a',
    'git://git.example/a',
    'ext::sh -c id',
    '-oProxyCommand=id',
    '--upload-pack=id',
    'git@-oProxyCommand=id:a',
    'https://u:p@git.example/a',
    'https://git.example/a b',
    'https://git.example/a\n',
  ];
  for (const url of urls) t.throws(() => judge(url), { code: 'GIT_URL_REFUSED' }, JSON.stringify(url));
  const refs = [
    '-x',
    '--upload-pack=id',
    'a..b',
    'a b',
    'a:b',
    'a^',
    'a~1',
    '@{1}',
    '/a',
    'a/',
    'a.lock',
    'a\\b',
    'x'.repeat(257),
  ];
  for (const ref of refs)
    t.throws(() => judge('https://git.example/a', ref), { code: 'GIT_REF_INVALID' }, ref);
});

t.test('what git says becomes a code, and none of its words', async (t) => {
  const cases = [
    ["fatal: couldn't find remote ref nope", 'GIT_REF_NOT_FOUND'],
    ["fatal: could not read Username for 'https://secret.example'", 'GIT_ACCESS_DENIED'],
    ["fatal: '/x' does not appear to be a git repository", 'GIT_NOT_FOUND'],
    ['fatal: write error: No space left on device', 'DISK_FULL'],
    ["fatal: transport 'ext' not allowed", 'GIT_URL_REFUSED'],
    ['something else', 'GIT_FETCH_FAILED'],
  ] as const;
  for (const [stderr, code] of cases) {
    const error = toGitError({ code: 128 }, stderr);
    t.equal(error.code, code, stderr);
    t.notOk(JSON.stringify([error.message, error.hint, error.details]).includes('secret'));
  }
  t.equal(toGitError({ code: 127 }, '').code, 'GIT_MISSING');
  t.equal(toGitError({ killed: true, signal: 'SIGKILL' }, '').code, 'GIT_TIMEOUT');
});
