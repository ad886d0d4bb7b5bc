/**
 * Where the parts of a conversation lie in the rendered text.
 *
 * The conversation is rendered twice: as it is, and with each part replaced by a mark. What stands between the marks is
 * text of the template; when template texts and parts put together give the real text, letter by letter, the places
 * are right. Both renderings and the comparison take time in proportion to the text.
 */
import { GymError } from "../../core/errors.ts";
import { contentOf, type Draft, type Segment, type Source, templateMessage } from "./_draft.ts";
import { parseThought } from "./tool_call_text.ts";

/** A part and its range in the text. */
export interface Placed extends Source {
  readonly start: number;
  readonly end: number;
}

/** The rendered text and the parts in it, in the order of the text. */
export interface Located {
  readonly text: string;
  readonly parts: readonly Placed[];
}

/** Renders messages in the form of the template. */
export type Render = (messages: readonly object[]) => string;

/** Finds the parts. @param thoughtField Name under which the template looks for thoughts. */
export function locate(drafts: readonly Draft[], render: Render, thoughtField: string): Located {
  const text = render(drafts.map((draft) => templateMessage(draft, thoughtField)));
  const whole = marksFor(text);
  let failed: Leaf | null = null;
  for (const given of [drafts, splitThoughts(drafts)]) {
    if (given !== drafts && render(given.map((draft) => templateMessage(draft, thoughtField))) !== text) {
      continue;
    }
    for (const empties of ["calls", "all", "none"] as const) {
      const leaves = given.flatMap((draft, at) => leavesOf(draft, at, empties));
      const marked = given.map((draft, at) => markedMessage(draft, at, leaves, whole, thoughtField));
      const found = match(text, tryRender(render, marked), leaves, whole);
      if (Array.isArray(found)) return { text, parts: found };
      failed ??= found;
    }
  }
  throw unplaced(failed);
}

/** Something that is replaced by a mark. */
interface Leaf {
  readonly draft: number;
  readonly field: "thought" | "content" | "name";
  readonly call: number;
  readonly segments: readonly Segment[];
  /** Tags around the content that templates look at; they stay where they are. */
  readonly head: string;
  readonly tail: string;
}

function leavesOf(draft: Draft, at: number, empties: "calls" | "all" | "none"): Leaf[] {
  const content = contentOf(draft);
  const replaced = content !== "" || (empties === "calls" ? draft.calls.length === 0 : empties === "all");
  const base = { draft: at, call: -1, head: "", tail: "" };
  const { message, role } = { message: draft.message, role: draft.role };
  return [
    ...(draft.thought === null ? [] : [{ ...base, field: "thought", segments: [draft.thought] } as const]),
    ...(replaced
      ? [{ ...base, field: "content", segments: draft.content, ...tagsOf(draft, content) } as const]
      : []),
    ...draft.calls.map((call, index) => {
      const segment = { message, role, part: "tool_call", call: index, text: call.function.name } as const;
      return { ...base, field: "name", call: index, segments: [segment] } as const;
    }),
  ];
}

/** Templates tell results in user messages by the tags around them. */
function tagsOf(draft: Draft, content: string): Pick<Leaf, "head" | "tail"> {
  if (draft.role !== "user") return { head: "", tail: "" };
  const head = /^<[^<>\s]{1,40}>/.exec(content)?.[0] ?? "";
  const tail = /<\/[^<>\s]{1,40}>$/.exec(content.slice(Math.max(head.length, content.length - 43)))?.[0] ??
    "";
  return { head, tail };
}

/** Marks that do not occur in a text: plain letters, which no template escapes or trims. */
function marksFor(text: string): string {
  let nonce = 0;
  while (text.includes(`Gym${nonce}Mark`)) nonce++;
  return `Gym${nonce}Mark`;
}

function markedMessage(
  draft: Draft,
  at: number,
  leaves: readonly Leaf[],
  mark: string,
  thoughtField: string,
): object {
  const message: Record<string, unknown> = { ...templateMessage(draft, thoughtField) };
  const own = leaves.flatMap((leaf, index) =>
    leaf.draft === at ? [{ leaf, text: `${mark}${index}End` }] : []
  );
  for (const { leaf: { field, head, tail }, text } of own) {
    if (field === "content") message.content = head + text + tail;
    if (field === "thought") message[thoughtField] = text;
  }
  const names = own.filter(({ leaf }) => leaf.field === "name");
  if (names.length > 0) {
    message.tool_calls = draft.calls.map((call, index) => ({
      ...call,
      function: { ...call.function, name: names[index]!.text },
    }));
  }
  return message;
}

function tryRender(render: Render, messages: readonly object[]): string | null {
  try {
    return render(messages);
  } catch {
    return null; // the template demands something of the replaced text: another way is tried, or an error says so
  }
}

/** The places of all marks, or the leaf at which the texts part. */
function match(
  text: string,
  marked: string | null,
  leaves: readonly Leaf[],
  mark: string,
): Placed[] | Leaf | null {
  if (marked === null) return null;
  const pieces = marked.split(new RegExp(`${mark}(\\d+)End`)); // literal, index, literal, …
  if (!text.startsWith(pieces[0]!)) return leaves[0] ?? null;
  const placed: Placed[] = [];
  const seen = new Set<Leaf>();
  let at = pieces[0]!.length;
  for (let index = 1; index < pieces.length; index += 2) {
    const leaf = leaves[Number(pieces[index])]!;
    const next = pieces[index + 1]!;
    const last = index + 2 === pieces.length;
    const shown = variantsOf(leaf).find(({ text: shown }) =>
      text.startsWith(shown, at) && text.startsWith(next, at + shown.length) &&
      (!last || at + shown.length + next.length === text.length)
    );
    if (shown === undefined) return leaf;
    // What is shown again, as the name of a call beside its result, is text of the template there.
    if (!seen.has(leaf)) placed.push(...place(leaf, shown, at, text));
    seen.add(leaf);
    at += shown.text.length + next.length;
  }
  return at === text.length ? placed : leaves.at(-1) ?? null;
}

/** A way in which a template may show a leaf: part of its text, or its text inside a JSON string. */
interface Variant {
  readonly text: string;
  /** Start in the leaf's own text; null when the text was escaped. */
  readonly from: number | null;
}

function variantsOf({ segments, head, tail, field }: Leaf): Variant[] {
  const all = segments.map(({ text }) => text).join("");
  const inner = all.slice(head.length, all.length - tail.length);
  const answer = field === "content" ? inner.lastIndexOf("</think>") : -1;
  const starts = answer < 0 ? [0] : [0, answer + "</think>".length];
  const plain = starts.flatMap((from) => {
    const rest = inner.slice(from);
    const trimmed = rest.trimStart();
    const skipped = from + rest.length - trimmed.length;
    return [
      { text: rest, from },
      { text: rest.trimEnd(), from },
      { text: trimmed, from: skipped },
      { text: trimmed.trimEnd(), from: skipped },
      {
        text: rest.replace(/^\n+/, "").replace(/(?<!\n)\n+$/, ""),
        from: from + /^\n*/.exec(rest)![0].length,
      },
    ];
  });
  return [
    ...plain.map(({ text, from }) => ({ text, from: from + head.length })),
    { text: escaped(inner), from: null },
  ];
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function place({ segments, head, tail }: Leaf, shown: Variant, at: number, text: string): Placed[] {
  if (shown.from === null) return placeEscaped(segments, shown, at);
  const all = segments.reduce((sum, segment) => sum + segment.text.length, 0);
  const before = shown.from === head.length && text.endsWith(head, at) ? head.length : 0;
  const end = shown.from + shown.text.length;
  const after = end === all - tail.length && text.startsWith(tail, at + shown.text.length) ? tail.length : 0;
  const [from, to] = [shown.from - before, end + after];
  const shift = at - shown.from;
  let done = 0;
  return segments.flatMap(({ text: own, ...source }) => {
    const [start, stop] = [Math.max(done, from), Math.min(done + own.length, to)];
    done += own.length;
    return start < stop || segments.length === 1
      ? [{ ...source, start: start + shift, end: stop + shift }]
      : [];
  });
}

function placeEscaped(segments: readonly Segment[], shown: Variant, at: number): Placed[] {
  let done = at;
  return segments.map(({ text, ...source }, index) => {
    const start = done;
    done = index === segments.length - 1 ? at + shown.text.length : start + escaped(text).length;
    return { ...source, start, end: done };
  });
}

/** Thoughts inside the content moved to where the template takes thoughts from. */
function splitThoughts(drafts: readonly Draft[]): readonly Draft[] {
  return drafts.map((draft) => {
    const only = draft.content.length === 1 ? draft.content[0]! : null;
    if (draft.role !== "assistant" || draft.thought !== null || only === null) return draft;
    const { thought, rest } = parseThought(only.text);
    return thought === null ? draft : {
      ...draft,
      thought: { ...only, part: "thought", text: thought },
      content: [{ ...only, text: rest }],
    };
  });
}

function unplaced(leaf: Leaf | null): GymError {
  const segment = leaf?.segments[0] ?? null;
  const place = segment === null || segment.message < 0
    ? "conversation"
    : `messages.${segment.message}.${
      leaf!.field === "thought"
        ? "reasoning_content"
        : leaf!.field === "name"
        ? `tool_calls.${leaf!.call}`
        : "content"
    }`;
  return new GymError(
    "INVALID_DATA",
    `Cannot find ${place} in the rendered conversation: wanted a chat template that shows it as it is, trimmed or as a JSON text: received one that changes it`,
    { field: place },
  );
}
