#!/usr/bin/env node
/**
 * `npm run sim -- --seed N --steps M | --seeds COUNT [--from N] | --planted NAME|all`: installs and builds when
 * needed, then runs the compiled simulation.
 */
import { runCompiled } from '../kit/runner/compiled-program.mjs';

runCompiled('sim/main.js', ['--enable-source-maps']);
