#!/usr/bin/env node
/**
 * `npm run bench -- NAME [--data DIR] [--json FILE] [--quick] [--agents N] [--queued N] [--profile DIR]`: installs and builds when needed, then runs the
 * compiled bench.
 */
import { runCompiled } from '../kit/runner/compiled-program.mjs';

runCompiled('bench/main.js');
