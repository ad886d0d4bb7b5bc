/**
 * The everyday verbs of git on isomorphic-git, printing as git does in its short forms.
 *
 * @module
 */
import git, { type PromiseFsClient } from "isomorphic-git";
import type { Runtime } from "../../../core/runtime.ts";
import { diffTrees } from "./diff.ts";
import { findCommit } from "./revision.ts";

/** What a verb works with. */
export interface GitContext {
  readonly fs: PromiseFsClient;
  readonly dir: string;
  readonly runtime: Runtime;
  /** Position of the call in the episode: the time of a commit, so that equal episodes have equal ids. */
  readonly step: number;
}

/** Arguments that a verb does not take. */
export class UsageError extends Error {}

type Verb = (args: readonly string[], context: GitContext) => Promise<string>;

const AUTHOR = { name: "agent", email: "agent@localhost" };
const EPOCH = Date.UTC(2000, 0, 1) / 1000;

/** Verbs by name. */
export const GIT_VERBS: Readonly<Record<string, Verb>> = {
  init: async (_, { fs, dir }) => {
    await git.init({ fs, dir, defaultBranch: "main" });
    return `Initialized empty Git repository in ${dir}/.git/`;
  },
  status: async (_, at) => {
    const branch = await git.currentBranch(at) ?? "(detached)";
    return [`## ${branch}`, ...await statusLines(at)].join("\n");
  },
  add: async (args, at) => {
    const paths = args.filter((arg) => arg !== "--");
    if (paths.length === 0) throw new UsageError("wanted paths to add");
    const all = paths.some((path) => path === "." || path === "-A" || path === "--all");
    const wanted = (file: string): boolean =>
      all || paths.some((path) => file === path || file.startsWith(`${path.replace(/\/$/, "")}/`));
    const rows = (await git.statusMatrix(at)).filter(([file]) => wanted(file));
    if (rows.length === 0 && !all) {
      throw new UsageError(`pathspec ${paths.join(" ")} did not match any files`);
    }
    for (const [filepath, , workdir] of rows) {
      if (workdir === 0) await git.remove({ ...at, filepath });
      else await git.add({ ...at, filepath });
    }
    return "";
  },
  commit: async (args, at) => {
    const all = args.some((arg) => arg === "-a" || arg === "-am");
    const flag = args.findIndex((arg) => arg === "-m" || arg === "-am" || arg === "--message");
    const message = args[flag + 1];
    if (flag === -1 || message === undefined) throw new UsageError("wanted -m and a message");
    if (all) {
      for (const [filepath, head, workdir] of await git.statusMatrix(at)) {
        if (head === 1 && workdir === 0) await git.remove({ ...at, filepath });
        else if (head === 1 && workdir === 2) await git.add({ ...at, filepath });
      }
    }
    const staged = (await git.statusMatrix(at)).filter(([, head, , stage]) => head !== stage);
    if (staged.length === 0) throw new UsageError("nothing to commit");
    const author = { ...AUTHOR, timestamp: EPOCH + at.step, timezoneOffset: 0 };
    const oid = await git.commit({ ...at, message, author });
    return `[${await git.currentBranch(at) ?? "detached"} ${oid.slice(0, 7)}] ${message.split("\n")[0]}`;
  },
  log: async (args, at) => {
    const count = /^-(?:n|-max-count=)?(\d+)$/.exec(args.join("").replace("--oneline", ""))?.[1];
    const entries = await git.log({ ...at, ...(count === undefined ? {} : { depth: Number(count) }) });
    return entries.map(({ oid, commit }) =>
      args.includes("--oneline")
        ? `${oid.slice(0, 7)} ${commit.message.split("\n")[0]}`
        : commitText(oid, commit.author, commit.message)
    ).join(args.includes("--oneline") ? "\n" : "\n\n");
  },
  diff: async (args, at) => {
    const staged = args.includes("--staged") || args.includes("--cached");
    const separator = args.includes("--") ? args.indexOf("--") : args.length;
    const [commits, paths]: [string[], string[]] = [[], args.slice(separator + 1)];
    for (const arg of args.slice(0, separator).filter((arg) => !arg.startsWith("-"))) {
      const oid = await findCommit(at, arg);
      if (oid === null) paths.push(arg);
      else commits.push(oid);
    }
    const before = commits[0] ?? (staged ? await findCommit(at, "HEAD") : "stage");
    return await diffTrees(at, before, commits[1] ?? (staged ? "stage" : "workdir"), paths);
  },
  show: async ([revision = "HEAD"], at) => {
    const oid = await findCommit(at, revision);
    if (oid === null) throw new UsageError(`no such commit: ${revision}`);
    const { commit } = await git.readCommit({ ...at, oid });
    const diff = await diffTrees(at, commit.parent[0] ?? null, oid, []);
    return `${commitText(oid, commit.author, commit.message)}\n\n${diff}`;
  },
  checkout: async (args, at) => {
    const separator = args.indexOf("--");
    if (separator !== -1) {
      await git.checkout({ ...at, filepaths: args.slice(separator + 1), force: true });
      return "";
    }
    const [first, name] = args;
    if (first === "-b" && name !== undefined) {
      await git.branch({ ...at, ref: name, checkout: true });
      return `Switched to a new branch '${name}'`;
    }
    if (first === undefined || first.startsWith("-")) {
      throw new UsageError("wanted a branch, -b name, or -- paths");
    }
    await git.checkout({ ...at, ref: first });
    return `Switched to '${first}'`;
  },
  branch: async ([first, name], at) => {
    if (first === "-d" && name !== undefined) {
      await git.deleteBranch({ ...at, ref: name });
      return `Deleted branch ${name}`;
    }
    if (first !== undefined) {
      await git.branch({ ...at, ref: first });
      return "";
    }
    const current = await git.currentBranch(at);
    return (await git.listBranches(at)).map((branch) => `${branch === current ? "*" : " "} ${branch}`).join(
      "\n",
    );
  },
};

async function statusLines(at: GitContext): Promise<string[]> {
  return (await git.statusMatrix(at)).flatMap(([file, head, workdir, stage]) => {
    if (head === 1 && workdir === 1 && stage === 1) return [];
    if (head === 0 && stage === 0) return [`?? ${file}`];
    const index = stage === 0 ? "D" : head === 0 ? "A" : stage === 1 ? " " : "M";
    const tree = workdir === 0
      ? (stage === 0 ? " " : "D")
      : workdir !== stage && !(workdir === 1)
      ? "M"
      : " ";
    return [`${index}${tree} ${file}`];
  });
}

function commitText(
  oid: string,
  author: { name: string; email: string; timestamp: number },
  message: string,
): string {
  const date = new Date(author.timestamp * 1000).toISOString();
  const body = message.trimEnd().split("\n").map((line) => `    ${line}`).join("\n");
  return `commit ${oid}\nAuthor: ${author.name} <${author.email}>\nDate:   ${date}\n\n${body}`;
}
