#!/usr/bin/env node
/**
 * `npm run fuzz -- [--inputs N] [--seed S] [--target NAME]`: installs and builds when needed, then runs the compiled
 * targets.
 */
import { runCompiled } from '../kit/runner/compiled-program.mjs';

runCompiled('fuzz/main.js', ['--enable-source-maps']);
