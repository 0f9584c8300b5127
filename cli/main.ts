#!/usr/bin/env node
/**
 * The `nabla` program for those who start it by this name; the package's own is main.cts, which this runs.
 */
import './main.cts';
