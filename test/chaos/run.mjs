#!/usr/bin/env node
/**
 * `npm run chaos -- [--controller-kills N] [--agent-kills N] [--seed S] …`: installs and builds when needed, then runs
 * the compiled faults.
 */
import { runCompiled } from '../kit/runner/compiled-program.mjs';

runCompiled('chaos/main.js', ['--enable-source-maps']);
