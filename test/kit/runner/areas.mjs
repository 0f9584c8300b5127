/**
 * The areas of the test suite, in the order in which they run, with the time each may take. One area is one
 * process; areas run one after another, because two cores shared by two areas make every deadline a guess.
 */

/** @typedef {{ name: string, timeoutMs: number }} Area */

/** @type {readonly Area[]} */
export const AREAS = [
  { name: 'unit', timeoutMs: 180_000 },
  { name: 'tidy', timeoutMs: 120_000 },
  { name: 'sim', timeoutMs: 900_000 },
  { name: 'fuzz', timeoutMs: 300_000 },
  { name: 'conformance', timeoutMs: 900_000 },
  { name: 'integration', timeoutMs: 900_000 },
  { name: 'e2e', timeoutMs: 900_000 },
  { name: 'chaos', timeoutMs: 900_000 },
];

export const AREA_NAMES = AREAS.map((area) => area.name);

/**
 * What a command line asks for.
 *
 * @param {readonly string[]} args
 * @returns {{ areas: readonly Area[], check: boolean, whole: boolean, grep: string, files: string, keepGoing: boolean } | { refusal: string }}
 */
export function parseArguments(args) {
  const wanted = [];
  const options = { check: false, grep: '', files: '', keepGoing: false };
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at];
    if (word === 'check') options.check = true;
    else if (AREA_NAMES.includes(word)) wanted.push(word);
    else if (word === '--keep-going') options.keepGoing = true;
    else if ((word === '--grep' || word === '--files') && args[at + 1] !== undefined) {
      options[word.slice(2)] = args[at + 1];
      at += 1;
    } else
      return {
        refusal: `unknown argument ${word}; known: check ${AREA_NAMES.join(' ')} --grep PATTERN --files PART[,PART] --keep-going`,
      };
  }
  const names = wanted.length > 0 ? wanted : options.check ? ['tidy', 'unit'] : AREA_NAMES;
  return {
    ...options,
    whole: names === AREA_NAMES,
    areas: AREAS.filter((area) => names.includes(area.name)),
  };
}
