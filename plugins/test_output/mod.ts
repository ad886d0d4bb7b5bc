/**
 * What test programs print, read by whoever needs the numbers: logs of agents and verifiers alike.
 *
 * @module
 */
export { isTestCommand, type TestSummary, testSummary } from "./test_summary.ts";
