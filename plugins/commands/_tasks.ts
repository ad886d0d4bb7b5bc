/**
 * Task files: YAML with one task or a list under `tasks`, or JSONL with one task a line.
 *
 * @module
 */
import { z } from "zod";
import type { LogSource } from "../../core/adapter.ts";
import { GymError } from "../../core/errors.ts";
import { readJsonl } from "../../core/jsonl.ts";
import { describeIssues, type Json } from "../../core/schema.ts";
import type { Task } from "../../core/trajectory.ts";
import { openSources } from "../files/mod.ts";
import { YamlFile } from "../files/yaml_file.ts";

/** What {@linkcode readTasks} needs of the world around it. */
export interface TaskFilesOptions {
  /** Folder that relative paths start from. */
  readonly cwd: string;
  readonly stdin: () => ReadableStream<Uint8Array<ArrayBuffer>>;
}

const taskSchema = z.looseObject({ id: z.string().min(1), description: z.string() });
const listSchema = z.strictObject({ tasks: z.array(taskSchema).min(1) });

/**
 * The tasks of files, folders and globs, in that order.
 *
 * @throws {GymError} `INVALID_DATA` for a file that holds no task, a field that is wrong, or an id that comes twice.
 */
export async function readTasks(paths: readonly string[], options: TaskFilesOptions): Promise<Task[]> {
  const tasks: Task[] = [];
  const origin = new Map<string, string>();
  if (paths.length === 0) return tasks;
  for await (const source of openSources(paths, options)) {
    for (const file of source.files ?? [source]) {
      for (const task of await tasksOf(file)) {
        const other = origin.get(task.id);
        if (other !== undefined) {
          throw new GymError(
            "INVALID_DATA",
            `Cannot read tasks of ${file.name}: wanted an id of its own for every task: received "${task.id}", which ${other} has too`,
            { file: file.name, other, task: task.id },
          );
        }
        origin.set(task.id, file.name);
        tasks.push(task);
      }
    }
  }
  return tasks;
}

async function tasksOf(file: LogSource): Promise<readonly Task[]> {
  if (file.name.endsWith(".jsonl")) return await jsonlTasks(file);
  const yaml = new YamlFile(await new Response(file.open()).text(), file.name, "tasks");
  const many = Object.hasOwn(Object(yaml.value), "tasks");
  const parsed = many ? yaml.parse(listSchema, "read tasks").tasks : [yaml.parse(taskSchema, "read tasks")];
  return parsed as Task[]; // sound: YAML and JSON give nothing but Json
}

async function jsonlTasks(file: LogSource): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  for await (const { line, value } of readJsonl(file.open(), { file: file.name })) {
    const result = taskSchema.safeParse(value);
    if (!result.success) {
      const issues = describeIssues(result.error.issues, value, taskSchema).join("; ");
      throw new GymError("INVALID_DATA", `Cannot read tasks: ${file.name}:${line}: ${issues}`, {
        file: file.name,
        line,
      });
    }
    tasks.push(value as Task & Json);
  }
  return tasks;
}
