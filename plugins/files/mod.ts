/**
 * Files, the leaf: where logs come from and how results get to disk, whole or not at all. No plugin.
 *
 * @module
 */
export { openSources, type OpenSourcesOptions } from "./sources.ts";
export { writeAtomic, writeJsonl } from "./atomic.ts";
export { JsonlAppender } from "./appender.ts";
export { type FileAct, fileError } from "./file_error.ts";
export { naturalOrder } from "./natural_order.ts";
